import Catalog
import EventJSON

/// What the browser SDKs load before they send: the least that makes them start, since Leat's destinations live on the
/// server and a page has nothing to load for them.
enum BrowserConfiguration {
    /// How long a browser may keep it.
    static let cacheSeconds = 60

    /// For `@rudderstack/analytics-js` and its elder: `GET /sourceConfig?writeKey=…`.
    static func rudderStack(_ source: Source, writeKey: String) -> [UInt8] {
        let body: [UInt8] = object([
            (
                "source",
                object([
                    ("id", text(String(describing: source.id))),
                    ("name", text(source.name)),
                    ("writeKey", text(writeKey)),
                    ("workspaceId", text("leat")),
                    ("enabled", source.enabled ? raw("true") : raw("false")),
                    ("config", raw(Self.noStatistics)),
                    ("connections", raw("[]")),
                    ("destinations", raw("[]")),
                    ("sourceDefinition", raw(#"{"id":"leat","name":"Javascript","category":"sdk"}"#)),
                    ("sourceDefinitionId", text("leat")),
                    ("dataplanes", raw("{}")),
                    ("deleted", raw("false")),
                    ("transient", raw("false")),
                    ("updatedAt", text(Self.beginning)),
                ])
            ),
            ("updatedAt", text(Self.beginning)),
            ("isHosted", raw("true")),
            ("consentManagementMetadata", raw(#"{"providers":[]}"#)),
        ])
        return body
    }

    /// For Segment's analytics.js: `GET /v1/projects/{key}/settings`.
    ///
    /// `host` is this server as the page reached it, so that the SDK sends here and not to Segment.
    static func segment(writeKey: String, host: String?, isSecure: Bool) -> [UInt8] {
        var segment: [(String, [UInt8])] = [
            ("apiKey", text(writeKey)),
            ("unbundledIntegrations", raw("[]")),
            ("addBundledMetadata", raw("true")),
            ("maybeBundledConfigIds", raw("{}")),
            ("versionSettings", raw(#"{"version":"4.4.7","componentTypes":["browser"]}"#)),
        ]
        if let host {
            segment.append(("apiHost", text(host + "/v1")))
            segment.append(("protocol", text(isSecure ? "https" : "http")))
        }
        return object([
            ("integrations", object([("Segment.io", object(segment))])),
            ("plan", raw(Self.openPlan)),
            ("edgeFunction", raw("{}")),
            ("analyticsNextEnabled", raw("true")),
            ("middlewareSettings", raw("{}")),
            ("enabledMiddleware", raw("{}")),
            ("metrics", raw(#"{"sampleRate":0}"#)),
            ("legacyVideoPluginsEnabled", raw("false")),
            ("remotePlugins", raw("[]")),
        ])
    }

    private static let beginning = "1970-01-01T00:00:00.000Z"
    private static let noStatistics =
        #"{"statsCollection":{"errors":{"enabled":false},"metrics":{"enabled":false}}}"#
    private static let openPlan =
        #"{"track":{"__default":{"enabled":true,"integrations":{}}},"#
        + #""identify":{"__default":{"enabled":true}},"group":{"__default":{"enabled":true}}}"#

    private static func raw(_ json: String) -> [UInt8] { Array(json.utf8) }

    private static func text(_ value: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendJSON(value)
        return bytes
    }

    private static func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for (place, (key, value)) in members.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += text(key)
            bytes.append(UInt8(ascii: ":"))
            bytes += value
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
