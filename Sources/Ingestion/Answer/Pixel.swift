import EventJSON
import EventModel

/// Events in the query of a picture's address, for mail and pages without scripts.
enum Pixel {
    /// A transparent picture of one by one.
    ///
    /// - Source: GIF89a specification.
    static let picture: [UInt8] = [
        0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x01, 0x00, 0x01, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x21, 0xF9, 0x04, 0x01, 0x00, 0x00, 0x00, 0x00, 0x2C, 0x00, 0x00, 0x00, 0x00,
        0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x44, 0x01, 0x00, 0x3B,
    ]

    /// How deeply a dotted name may nest.
    static let depthLimit = 8

    /// The event that a query describes: every parameter but the write key is text under its name, and a dot in the name
    /// opens an object, so `properties.colour=red` is `{"properties":{"colour":"red"}}`.
    static func event(_ type: EventType, _ query: RequestQuery, at now: EventTime) -> [UInt8] {
        var root = Branch()
        for (name, value) in query.parameters where name != "writeKey" {
            let text = name == "anonymousId" ? unquoted(value) : value
            root.set(name.split(separator: ".", maxSplits: depthLimit, omittingEmptySubsequences: true)[...], text)
        }
        if type == .page, root.isEmptyText("name") { root.set(["name"], "Unknown Page") }
        root.set(["channel"], "web")
        var bytes = Array("{\"type\":\"\(type.name)\",\"originalTimestamp\":\"".utf8)
        now.append(to: &bytes)
        bytes += Array("\",\"sentAt\":\"".utf8)
        now.append(to: &bytes)
        bytes += Array("\"".utf8)
        for (name, value) in root.members where !["type", "originalTimestamp", "sentAt"].contains(name) {
            bytes.append(UInt8(ascii: ","))
            value.append(name, to: &bytes)
        }
        if !root.members.contains(where: { $0.name == "integrations" }) {
            bytes += Array(#","integrations":{"All":true}"#.utf8)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func unquoted(_ text: String) -> String {
        text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
    }
}

extension Pixel {
    private indirect enum Value {
        case text(String)
        case branch(Branch)

        func append(_ name: String, to bytes: inout [UInt8]) {
            bytes.appendJSON(name)
            bytes.append(UInt8(ascii: ":"))
            switch self {
            case .text(let text): bytes.appendJSON(text)
            case .branch(let branch):
                bytes.append(UInt8(ascii: "{"))
                for (place, member) in branch.members.enumerated() {
                    if place > 0 { bytes.append(UInt8(ascii: ",")) }
                    member.value.append(member.name, to: &bytes)
                }
                bytes.append(UInt8(ascii: "}"))
            }
        }
    }

    private struct Branch {
        var members: [(name: String, value: Value)] = []

        func isEmptyText(_ name: String) -> Bool {
            guard case .text("")? = members.first(where: { $0.name == name })?.value else { return false }
            return true
        }

        mutating func set(_ path: ArraySlice<some StringProtocol>, _ text: String) {
            guard let first = path.first.map({ String($0) }) else { return }
            let place = members.firstIndex { $0.name == first }
            let value: Value
            if path.count == 1 {
                value = .text(text)
            } else {
                var branch = Branch()
                if let place, case .branch(let known) = members[place].value { branch = known }
                branch.set(path.dropFirst(), text)
                value = .branch(branch)
            }
            if let place { members[place].value = value } else { members.append((first, value)) }
        }
    }
}
