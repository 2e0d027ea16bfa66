import EventJSON

/// What a batch says of all its events beside them: `context` and `integrations`.
///
/// Each is merged into the event's own, member by member; where both have a member the event's counts.
///
/// - Source: Segment, HTTP API, batch.
struct SharedMembers {
    /// An object of the batch that has members.
    struct Object {
        fileprivate let node: JSONNode
        fileprivate let bytes: Int

        /// Nil for anything that has nothing to give.
        fileprivate init?(_ node: JSONNode?, of tape: JSONTape) {
            guard let node, tape.count(of: node) > 0, tape.kind(node) == .object else { return nil }
            self.node = node
            bytes = tape.range(of: node).count
        }

        /// Appends what an event has for it, together with what it lacks; false when its own stays, since it is no object.
        func write(over own: JSONNode?, of tape: JSONTape, to bytes: inout [UInt8]) -> Bool {
            guard let own else {
                tape.copy(node, into: &bytes)
                return true
            }
            guard tape.kind(own) == .object else { return false }
            tape.copy(own, into: &bytes)
            bytes.removeLast()
            var first = tape.count(of: own) == 0
            for member in tape.members(of: node) {
                let isOwn = tape.withContent(of: member.key) { tape.member(of: own, key: $0) != nil }
                if isOwn == true { continue }
                if !first { bytes.append(UInt8(ascii: ",")) }
                first = false
                tape.copy(member.key, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                tape.copy(member.value, into: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
            return true
        }
    }

    private(set) var context: Object?
    private(set) var integrations: Object?

    init() {}

    /// Reads them beside the `batch` of `root`.
    init(_ root: JSONNode, of tape: JSONTape) {
        context = Object(tape.member(of: root, "context"), of: tape)
        integrations = Object(tape.member(of: root, "integrations"), of: tape)
    }

    var isEmpty: Bool { context == nil && integrations == nil }

    /// The most that they add to an event.
    var bytes: Int { (context?.bytes ?? 0) + (integrations?.bytes ?? 0) }
}
