import Catalog
import EventModel

/// The JSON Schemas of everything that goes in and out; `Documents.swift` writes what they describe.
enum Schemas {
    static let slug: Document = ["type": "string", "pattern": "^[a-z0-9-]{1,63}$"]
    static let text: Document = ["type": "string"]
    static let truth: Document = ["type": "boolean"]
    static let count: Document = ["type": "integer", "minimum": 0]
    static let moment: Document = ["type": "string", "format": "date-time"]
    static let config: Document = ["type": "object", "description": "What the plugin is created with."]
    static let plugin: Document = [
        "type": "string",
        "pattern": "^[a-z0-9.-]{3,100}(@[0-9][0-9A-Za-z.+-]{0,63})?$",
        "description": "A plugin's id, which follows its active version, or id@version.",
    ]
    static let kind: Document = [
        "type": "string", "enum": .list(PluginKind.allCases.map { .text($0.rawValue) }),
    ]
    static let partitions: Document = [
        "type": "integer", "minimum": 1, "maximum": .integer(Source.maximumPartitions),
    ]

    static func flag(default standard: Bool) -> Document { ["type": "boolean", "default": .truth(standard)] }
    static func reference(_ name: String) -> Document { ["$ref": "#/components/schemas/\(name)"] }
    static func array(of items: Document) -> Document { ["type": "array", "items": items] }

    /// An object with one list of what a component describes.
    static func list(_ key: String, of name: String) -> Document { object([(key, array(of: reference(name)))]) }

    /// An object of exactly these members, all of which must be there unless they are optional.
    static func object(_ members: [(String, Document)], optional: [(String, Document)] = []) -> Document {
        let object: Document = ["type": "object", "properties": .object(members + optional)]
        let closed = object.adding("additionalProperties", false)
        return members.isEmpty ? closed : closed.adding("required", .list(members.map { .text($0.0) }))
    }

    /// A schema that also allows nothing.
    static func orNothing(_ type: String) -> Document { ["type": [.text(type), "null"]] }

    /// Everything that the description names.
    static let components: [(name: String, schema: Document)] =
        entries + wishes + answers + reports + log + delivery + secrets + paths + replays + letters + tail
}
