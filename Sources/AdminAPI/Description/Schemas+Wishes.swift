import Catalog

extension Schemas {
    /// What may be asked for: the entries of a declaration, alone and together.
    static let wishes: [(name: String, schema: Document)] = [
        ("SourceWish", object([], optional: [("name", slug)] + sourceWish)),
        ("DestinationWish", object([("connector", plugin)], optional: [("name", slug)] + destinationWish)),
        ("LimitsWish", object([], optional: limitsWish)),
        ("HaltWish", object([], optional: [("reason", haltReason)])),
        ("ConnectionWish", object([], optional: [("source", slug), ("destination", slug)] + connectionWish)),
        ("Declaration", declaration),
    ]

    private static let haltReason: Document = [
        "type": "string", "maxLength": .integer(DestinationState.maximumReasonBytes),
        "description": "Why, for people; one line.",
    ]

    private static let pluginWish: [(String, Document)] = [
        ("kind", kind), ("sha256", ["type": "string", "pattern": "^[0-9a-f]{64}$"]),
    ]

    private static let transformations: Document = [
        "type": "array", "items": reference("Transformation"),
        "maxItems": .integer(Connection.maximumTransformations),
    ]

    private static let sourceWish: [(String, Document)] = [
        ("transformations", transformations),
        ("enabled", flag(default: true)), ("partitions", partitions), ("limits", reference("SourceLimits")),
        (
            "writeKeys",
            [
                "type": "array",
                "items": ["type": "string", "pattern": "^[A-Za-z0-9_-]{16,128}$"],
                "description": "Keys that it shall have; without this a new source gets one generated.",
            ]
        ),
    ]

    private static let destinationWish: [(String, Document)] = [
        ("config", config), ("limits", reference("Limits")), ("transport", reference("Transport")),
        ("enabled", flag(default: true)),
    ]

    private static let connectionWish: [(String, Document)] =
        [("transformations", transformations), ("lag", lag), ("trace", trace), ("enabled", flag(default: true))]
        + selection

    private static let declaration = object(
        [],
        optional: [
            ("plugins", array(of: object([("id", text), ("version", text)], optional: pluginWish))),
            ("sources", array(of: object([("name", slug)], optional: sourceWish))),
            ("destinations", array(of: object([("name", slug), ("connector", plugin)], optional: destinationWish))),
            ("connections", array(of: object([("source", slug), ("destination", slug)], optional: connectionWish))),
        ]
    )
}
