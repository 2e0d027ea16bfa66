import Catalog
import EventModel

extension Schemas {
    /// What is told of secrets, and what may be asked.
    static let secrets: [(name: String, schema: Document)] = [
        (
            "Secrets",
            object([
                (
                    "keyId",
                    [
                        "type": ["string", "null"],
                        "description": "The key with which this server encrypts; null where it has none.",
                    ]
                ), ("secrets", array(of: reference("Secret"))),
            ])
        ),
        (
            "Secret",
            object([
                ("name", slug), ("destinations", array(of: slug)), ("plugins", array(of: text)), ("any", truth),
                ("as", scheme), ("header", text), ("keyId", ["type": "string", "pattern": "^[0-9a-f]{16}$"]),
                ("createdAt", moment), ("rotatedAt", moment), ("changedBy", text), ("usedBy", array(of: slug)),
                (
                    "state",
                    [
                        "type": "string", "enum": ["open", "locked"],
                        "description": "Whether this server can open it; what needs a locked one waits.",
                    ]
                ), ("reason", orNothing("string")),
            ])
        ),
        (
            "SecretWish",
            object(
                [],
                optional: [
                    ("name", slug),
                    (
                        "value",
                        [
                            "type": "string", "writeOnly": true,
                            "minLength": .integer(SecretValue.lengths.lowerBound),
                            "maxLength": .integer(SecretValue.lengths.upperBound),
                            "description": "At most that many bytes, without control characters but in a key as PEM.",
                        ]
                    ), ("destinations", names(slug)), ("plugins", names(text)),
                    ("any", ["type": "boolean", "description": "Whether it may go to every destination."]),
                    ("as", scheme), ("header", text),
                ]
            )
        ), ("Rewrapped", object([("rewrapped", count), ("keyId", text)])),
    ]

    private static let scheme: Document = [
        "type": "string", "enum": .list(SecretPlacement.Scheme.allCases.map { .text($0.rawValue) }),
        "default": .text(SecretPlacement.Scheme.raw.rawValue),
        "description": "How it stands in the header of a request that asks for it.",
    ]

    private static func names(_ items: Document) -> Document {
        ["type": "array", "items": items, "maxItems": .integer(SecretScope.maximumNames)]
    }
}
