import EventModel
import Testing

@testable import Ingestion

@Suite struct RouteTests {
    @Test(arguments: [
        ("/v1/track", IngestionRoute.event(.track)), ("/v1/identify", .event(.identify)), ("/v1/page", .event(.page)),
        ("/v1/screen", .event(.screen)), ("/v1/group", .event(.group)), ("/v1/alias", .event(.alias)),
        ("/v1/merge", .event(.merge)), ("/v1/batch", .batch), ("/v1/import", .batch),
        ("/v1/t", .event(.track)), ("/v1/i", .event(.identify)), ("/v1/p", .event(.page)), ("/v1/s", .event(.screen)),
        ("/v1/g", .event(.group)), ("/v1/a", .event(.alias)), ("/v1/m", .mergeOrMetrics), ("/v1/b", .batch),
        ("/beacon/v1/batch", .beacon), ("/pixel/v1/track", .pixel(.track)), ("/pixel/v1/page", .pixel(.page)),
        ("/sourceConfig", .sourceConfiguration), ("/v1/projects/k3y/settings", .projectSettings(writeKey: "k3y")),
    ])
    func `Every path of the SDKs is served with and without a slash at its end`(path: String, route: IngestionRoute) {
        #expect(IngestionRoute(path: path) == route)
        #expect(IngestionRoute(path: path + "/") == route)
    }

    @Test(arguments: [
        "/", "", "/v1", "/v1/", "/v1/trackk", "/v2/track", "/v1/track/x", "/track", "/V1/track", "/pixel/v1/identify",
        "/beacon/v1/track", "/v1/projects/settings", "/v1/projects/a/b", "/api/v1/plugins", "/metrics", "/health",
        "/v1/projects/k/settings/x/y/z",
    ])
    func `Other paths belong to somebody else`(path: String) {
        #expect(IngestionRoute(path: path) == nil)
    }
}

@Suite struct WriteKeyTests {
    @Test(arguments: [
        ("Basic V1JJVEVfS0VZOg==", BasicCredentials.Reading.writeKey("WRITE_KEY")),
        ("basic V1JJVEVfS0VZOg", .writeKey("WRITE_KEY")),
        ("BASIC   V1JJVEVfS0VZOnBhc3M=", .writeKey("WRITE_KEY")),
        ("Basic V1JJVEVfS0VZ", .writeKey("WRITE_KEY")),
        ("Basic w6TDtg==", .writeKey("äö")),
        ("Basic Og==", .malformed), ("Basic ", .malformed), ("Basic", .malformed), ("Basic !!!!", .malformed),
        ("Basic /////w==", .malformed), ("Basic A", .malformed),
        ("Bearer abc", .none), ("", .none), ("Basi V1JJVEVfS0VZOg==", .none),
    ])
    func `The write key is the user name of Basic authentication`(header: String, reading: BasicCredentials.Reading) {
        #expect(BasicCredentials.read(header) == reading)
    }

    @Test func `No header and a header beyond all measure are told apart`() {
        #expect(BasicCredentials.read(nil) == .none)
        #expect(BasicCredentials.read("Basic " + String(repeating: "A", count: 4096)) == .malformed)
    }

    @Test(arguments: [
        ("writeKey=abc", "abc"), ("a=1&writeKey=a%2Bb+c", "a+b c"), ("writeKey=%c3%A4", "ä"), ("writeKey=100%", "100%"),
        ("writeKey=%zz%4", "%zz%4"), ("writeKey=%%41", "%A"), ("writeKey", ""), ("writeKey=a=b", "a=b"),
        ("writeKey=%ff", "\u{FFFD}"),
    ])
    func `A query is decoded like a form`(query: String, value: String) {
        #expect(RequestQuery(query)["writeKey"] == value)
    }

    @Test func `A query has a bounded number of parameters`() {
        let query = RequestQuery((0..<1000).map { "k\($0)=v" }.joined(separator: "&"))
        #expect(query.parameters.count == RequestQuery.parameterLimit)
        #expect(RequestQuery("")["x"] == nil)
    }
}
