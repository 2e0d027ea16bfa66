import EventJSON

/// Where a value stands in an event: `"context.traits.email"`, `"properties.products[0].price"`.
///
/// Dots separate names, and `[n]` takes the n-th element of an array, from 0. A backslash before a dot, a bracket or a
/// backslash makes it part of a name. The empty path is the event itself.
public struct Path: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    let json: JSONPath

    /// The path that a text describes; every text is one.
    public init(_ text: String) { json = JSONPath(text) }

    /// The path that a literal describes.
    public init(stringLiteral text: String) { json = JSONPath(text) }

    /// The path of these names, taken as they are, dots and all.
    public init(names: [String]) { json = JSONPath(names: names) }

    /// The path's text.
    public var description: String { json.text }
}
