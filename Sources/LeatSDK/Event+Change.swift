import EventJSON

extension Event {
    /// Puts a value at a path.
    ///
    /// Objects that are missing on the way, or are null, come into being; an index one past the end appends.
    ///
    /// - Parameters:
    ///   - path: Where.
    ///   - value: What.
    /// - Throws: ``Failure`` with the code `bad_path` when the path leads through a text, a number or a truth value, asks
    ///   an object for an index, an array for a name, or an array for an element too far.
    public mutating func set(_ path: Path, to value: Value) throws(Failure) {
        try change(path) { (event) throws(JSONError) in
            try event.edits.set(path.json, of: event.tape.root, in: event.tape, to: value.json)
        }
    }

    /// Puts a value behind the last element of the array at a path, which comes into being if it is missing or null.
    ///
    /// - Parameters:
    ///   - value: What.
    ///   - path: Where the array is.
    /// - Throws: ``Failure`` with the code `bad_path` when there is something else than an array.
    public mutating func append(_ value: Value, to path: Path) throws(Failure) {
        try change(path) { (event) throws(JSONError) in
            try event.edits.append(value.json, to: path.json, of: event.tape.root, in: event.tape)
        }
    }

    /// Removes the value at a path.
    ///
    /// - Parameter path: Where.
    /// - Returns: Whether there was one.
    /// - Throws: ``Failure`` with the code `bad_path` for the event itself, or a path that leads through a scalar.
    @discardableResult
    public mutating func remove(_ path: Path) throws(Failure) -> Bool {
        try change(path) { (event) throws(JSONError) in
            try event.edits.remove(path.json, of: event.tape.root, in: event.tape)
        }
    }

    /// Gives the value at a path another name in the same object, and leaves it in its place.
    ///
    /// - Parameters:
    ///   - path: Where.
    ///   - name: The new name, not a path.
    /// - Returns: Whether there was a value.
    /// - Throws: ``Failure`` with the code `bad_path` for an element of an array, or a path that leads through a scalar.
    @discardableResult
    public mutating func rename(_ path: Path, to name: String) throws(Failure) -> Bool {
        try change(path) { (event) throws(JSONError) in
            try event.edits.rename(path.json, to: name, of: event.tape.root, in: event.tape)
        }
    }

    /// Puts what is at one path also at another, exactly as it was written.
    ///
    /// - Parameters:
    ///   - from: What; nothing happens when nothing is there.
    ///   - to: Where.
    /// - Returns: Whether there was a value.
    /// - Throws: ``Failure`` with the code `bad_path`, as ``set(_:to:)`` does.
    @discardableResult
    public mutating func copy(_ from: Path, to: Path) throws(Failure) -> Bool {
        guard let node = find(from) else { return false }
        try change(to) { (event) throws(JSONError) in
            try event.edits.set(to.json, of: event.tape.root, in: event.tape, to: .node(node))
        }
        return true
    }

    /// Puts what is at one path at another, exactly as it was written, and removes it where it was.
    ///
    /// - Parameters:
    ///   - from: What; nothing happens when nothing is there.
    ///   - to: Where.
    /// - Returns: Whether there was a value.
    /// - Throws: ``Failure`` with the code `bad_path`, as ``set(_:to:)`` does.
    @discardableResult
    public mutating func move(_ from: Path, to: Path) throws(Failure) -> Bool {
        guard try copy(from, to: to) else { return false }
        return try remove(from)
    }

    private mutating func change<Result>(
        _ path: Path,
        _ body: (inout Event) throws(JSONError) -> Result
    ) throws(Failure) -> Result {
        do throws(JSONError) {
            return try body(&self)
        } catch {
            throw Failure(code: "bad_path", message: "the event cannot be changed at \"\(path)\": \(error)")
        }
    }
}
