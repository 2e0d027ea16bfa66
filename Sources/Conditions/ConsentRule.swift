package import EventJSON

/// To what a user must have consented so that an event may be delivered.
///
/// Two dialects are read, wherever the event comes from: Segment's `context.consent.categoryPreferences`, an object of
/// booleans, and RudderStack's `context.consentManagement` with its lists `allowedConsentIds` and `deniedConsentIds`. A
/// category that either denies is denied. One of which nothing is said counts as not given; only where an event names
/// denied categories and no allowed ones, as RudderStack's older SDKs do, everything else is allowed.
package struct ConsentRule: Sendable, Hashable {
    /// How many of the categories it takes.
    package enum Match: String, Sendable, CaseIterable {
        case all, any
    }

    /// What happens to an event that says nothing of consent.
    package enum Missing: String, Sendable, CaseIterable {
        /// It is not delivered. This is the standard, since what was sent cannot be taken back, and what was withheld can
        /// still be replayed.
        case withhold
        case deliver
    }

    /// Never empty; compared byte by byte.
    package let categories: [String]
    /// Nil for what the event says in RudderStack's `resolutionStrategy`, and `all` where it says nothing.
    package let match: Match?
    package let missing: Missing

    package init(categories: [String], match: Match? = nil, missing: Missing = .withhold) {
        self.categories = categories
        self.match = match
        self.missing = missing
    }

    /// The most categories of one rule.
    package static let maximumCategories = 32
    /// The longest name of a category, in bytes.
    package static let maximumCategoryBytes = 200

    /// Whether `event`, an object of `tape`, may be delivered.
    package func permits(_ event: JSONNode, in tape: JSONTape) -> Bool {
        guard let stated = StatedConsent(of: event, in: tape) else { return missing == .deliver }
        let needsAll = (match ?? stated.match ?? .all) == .all
        for category in categories where stated.gives(category, in: tape) != needsAll { return !needsAll }
        return needsAll
    }

    /// What an event that is not permitted lacks, in words.
    package func lack(of event: JSONNode, in tape: JSONTape) -> String {
        guard let stated = StatedConsent(of: event, in: tape) else { return "the event states no consent" }
        let lacking = categories.filter { !stated.gives($0, in: tape) }
        return lacking.map { "\($0) is \(stated.denies($0, in: tape) ? "denied" : "not given")" }.joined(
            separator: ", "
        )
    }
}

/// What an event says of its user's consent.
private struct StatedConsent {
    /// Segment's object of booleans.
    private let preferences: JSONNode?
    /// RudderStack's lists.
    private let allowed: JSONNode?
    private let denied: JSONNode?
    /// Whether what is not denied is allowed.
    private let deniesOnly: Bool
    /// How RudderStack's SDK wants several categories read.
    let match: ConsentRule.Match?

    /// Nil if the event says nothing.
    init?(of event: JSONNode, in tape: JSONTape) {
        guard let context = tape.member(of: event, "context") else { return nil }
        let consent = tape.member(of: context, "consent")
        let management = tape.member(of: context, "consentManagement")
        preferences = consent.flatMap { Self.filled(tape.member(of: $0, "categoryPreferences"), .object, tape) }
        allowed = management.flatMap { Self.filled(tape.member(of: $0, "allowedConsentIds"), .array, tape) }
        denied = management.flatMap { Self.filled(tape.member(of: $0, "deniedConsentIds"), .array, tape) }
        guard preferences != nil || allowed != nil || denied != nil else { return nil }
        deniesOnly = preferences == nil && allowed == nil
        match = management.flatMap { tape.member(of: $0, "resolutionStrategy") }.flatMap { strategy in
            if tape.equals(strategy, "or") || tape.equals(strategy, "any") { return .any }
            return tape.equals(strategy, "and") || tape.equals(strategy, "all") ? .all : nil
        }
    }

    /// `node` if it is of this kind and holds anything.
    private static func filled(_ node: JSONNode?, _ kind: JSONKind, _ tape: JSONTape) -> JSONNode? {
        guard let node, tape.kind(node) == kind else { return nil }
        var elements = tape.elements(of: node)
        var members = tape.members(of: node)
        return elements.next() == nil && members.next() == nil ? nil : node
    }

    func gives(_ category: String, in tape: JSONTape) -> Bool {
        if denies(category, in: tape) { return false }
        let name = category.utf8.span
        let isPreferred = preferences.flatMap { tape.member(of: $0, key: name) } != nil
        return isPreferred || deniesOnly || lists(allowed, name, in: tape)
    }

    /// Whether it says so itself, and is not just silent.
    func denies(_ category: String, in tape: JSONTape) -> Bool {
        let name = category.utf8.span
        let preference = preferences.flatMap { tape.member(of: $0, key: name) }.map { tape.bool($0) ?? false }
        return preference == false || lists(denied, name, in: tape)
    }

    private func lists(_ list: JSONNode?, _ name: Span<UInt8>, in tape: JSONTape) -> Bool {
        guard let list else { return false }
        for element in tape.elements(of: list) where tape.equals(element, name) { return true }
        return false
    }
}
