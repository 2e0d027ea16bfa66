extension Declaration {
    /// Reads a declaration and everything that is wrong with it by itself; references to what only the server knows
    /// are checked when a ``Plan`` is made.
    package static func read(_ document: Document) -> (declaration: Declaration, problems: [Problem]) {
        var problems: [Problem] = []
        var declaration = Declaration()
        if case .null = document.content { return (declaration, problems) }
        guard var root = DeclarationReader(document, at: "", problems: &problems) else {
            return (declaration, problems)
        }
        declaration.plugins = root.list("plugins", atMost: maximumEntries, &problems)?.compactMap {
            DeclaredPlugin(reading: $0.document, at: $0.path, &problems)
        }
        declaration.sources = root.list("sources", atMost: maximumEntries, &problems)?.compactMap {
            DeclaredSource(reading: $0.document, at: $0.path, &problems)
        }
        declaration.destinations = root.list("destinations", atMost: maximumEntries, &problems)?.compactMap {
            DeclaredDestination(reading: $0.document, at: $0.path, &problems)
        }
        declaration.connections = root.list("connections", atMost: maximumEntries, &problems)?.compactMap {
            DeclaredConnection(reading: $0.document, at: $0.path, &problems)
        }
        root.refuseOtherKeys(&problems)
        declaration.refuseDuplicates(&problems)
        return (declaration, problems.inOrder)
    }

    private func refuseDuplicates(_ problems: inout [Problem]) {
        Self.refuseRepeated((plugins ?? []).map { ($0.id, $0.place) }, "plugin", &problems)
        Self.refuseRepeated((sources ?? []).map { ($0.name, $0.place) }, "source", &problems)
        Self.refuseRepeated((destinations ?? []).map { ($0.name, $0.place) }, "destination", &problems)
        Self.refuseRepeated((connections ?? []).map { ($0.name, $0.place) }, "connection", &problems)
        var owners: [String: String] = [:]
        for source in sources ?? [] {
            for key in source.writeKeys ?? [] {
                if let owner = owners[key] {
                    let message =
                        owner == source.name ? "names one write key twice" : "has a write key of source \"\(owner)\""
                    problems.append(Problem(source.place, message))
                }
                owners[key] = source.name
            }
        }
    }

    private static func refuseRepeated(
        _ names: [(name: String?, place: Place)],
        _ noun: String,
        _ problems: inout [Problem]
    ) {
        var first: [String: Place] = [:]
        for (name, place) in names {
            guard let name else { continue }
            if let earlier = first[name] {
                let position = earlier.line > 0 ? "in line \(earlier.line)" : "at \(earlier.path)"
                problems.append(Problem(place, "is the second \(noun) \"\(name)\"; the first is \(position)"))
            } else {
                first[name] = place
            }
        }
    }
}

extension [Problem] {
    /// In the order of the file.
    package var inOrder: [Problem] {
        enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
    }
}
