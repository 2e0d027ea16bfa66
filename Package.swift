// swift-tools-version: 6.3
import PackageDescription

/// The compiler settings of every Swift target: language mode 6, explicit existentials and imports,
/// strict memory safety, and no warning left standing.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// Makes of a plugin one file that runs wherever the server runs: with its own copy of the standard library, and with no
/// symbol to be seen but the entry function.
func selfContained(_ folder: String) -> [LinkerSetting] {
    let exports = "--version-script=\(Context.packageDirectory)/\(folder)/exports.map"
    return [.unsafeFlags(["-static-stdlib", "-Xlinker", "--gc-sections", "-Xlinker", "-s", "-Xlinker", exports])]
}

let package = Package(
    name: "leat",
    products: [
        .executable(name: "leat", targets: ["leat"]),
        .library(name: "Webhook", type: .dynamic, targets: ["Webhook"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // MARK: C boundary
        .target(name: "CLeatPlugin"),
        .target(name: "CInProcess", dependencies: ["CLeatPlugin"]),
        .target(name: "CLinux"),
        .target(name: "CSharedMemory"),
        .systemLibrary(name: "CCompression"),
        .systemLibrary(name: "CHashing"),
        .target(name: "CSchema", exclude: ["sql"]),
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CPostgreSQL"),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),

        // MARK: Words
        .target(name: "EventModel", swiftSettings: house),
        .target(
            name: "EventJSON",
            dependencies: ["EventModel"],
            swiftSettings: house + [.enableExperimentalFeature("Lifetimes")]
        ),
        .target(name: "Conditions", dependencies: ["EventJSON", "EventModel"], swiftSettings: house),

        // MARK: Instruments
        .target(name: "Sandbox", dependencies: ["CLinux", "CSeccomp"], swiftSettings: house),
        .target(
            name: "Telemetry",
            dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: house
        ),
        .target(name: "PostgreSQL", dependencies: ["CLinux", "CPostgreSQL", "EventModel"], swiftSettings: house),

        // MARK: Stages
        .target(
            name: "EventLog",
            dependencies: [
                "CCompression", "CHashing", "CSchema", "EventJSON", "EventModel", "PostgreSQL",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "Catalog",
            dependencies: [
                "Conditions",
                "EventJSON",
                "EventModel",
                "PostgreSQL",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "Ingestion",
            dependencies: [
                "CCompression", "Catalog", "EventJSON", "EventLog", "EventModel", "Telemetry",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house
        ),
        .target(
            name: "PluginHost",
            dependencies: [
                "CLinux", "Conditions", "EventJSON", "EventModel", "PostgreSQL", "Sandbox", "Telemetry",
                "WorkerProtocol",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .target(name: "WorkerProtocol", dependencies: ["CSharedMemory", "EventModel"], swiftSettings: house),
        .target(
            name: "WorkerRuntime",
            dependencies: ["CLeatPlugin", "CLinux", "EventJSON", "EventModel", "WorkerProtocol"],
            swiftSettings: house
        ),
        .target(
            name: "Delivery",
            dependencies: [
                "CCompression", "CLinux", "EventModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: house
        ),

        .target(
            name: "Pipeline",
            dependencies: [
                "Catalog", "Conditions", "Delivery", "EventJSON", "EventLog", "EventModel", "PluginHost", "Telemetry",
                "WorkerProtocol",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house
        ),

        // MARK: Watch
        .target(
            name: "AdminAPI",
            dependencies: [
                "Catalog",
                "Conditions",
                "EventModel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house
        ),

        // MARK: What plugin authors use
        .target(name: "LeatSDK", dependencies: ["CLeatPlugin", "EventJSON", "EventModel"], swiftSettings: house),

        // MARK: Plugins that ship
        .target(
            name: "Webhook",
            dependencies: ["LeatSDK"],
            path: "Plugins/Connectors/Webhook",
            exclude: ["README.md", "exports.map", "manifest.json"],
            swiftSettings: house,
            linkerSettings: selfContained("Plugins/Connectors/Webhook")
        ),

        // MARK: Programs
        .executableTarget(
            name: "leat-worker",
            dependencies: ["CLinux", "Sandbox", "WorkerProtocol", "WorkerRuntime"],
            swiftSettings: house,
            // Its own copy of the standard library, and no symbol for a plugin to find.
            linkerSettings: [.unsafeFlags(["-static-stdlib", "-Xlinker", "--no-export-dynamic"])]
        ),
        .executableTarget(
            name: "leat",
            dependencies: [
                "AdminAPI", "Catalog", "Delivery", "EventLog", "EventModel", "Ingestion", "Pipeline", "PluginHost",
                "PostgreSQL", "Sandbox", "Telemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: house
        ),
        .executableTarget(
            name: "leat-bench",
            dependencies: [
                "CInProcess",
                "CLinux",
                "CSimdjson",
                "Catalog",
                "Conditions",
                "Delivery",
                "EventJSON",
                "EventLog",
                "EventModel",
                "Ingestion",
                "Pipeline",
                "PluginHost",
                "PostgreSQL",
                "WorkerProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house
        ),

        // MARK: Tests
        .target(
            name: "TestSupport",
            dependencies: [
                "CLinux",
                "EventLog",
                "PostgreSQL",
                "Sandbox",
                "WorkerProtocol",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: house
        ),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: house),
        .testTarget(
            name: "EventLogTests",
            dependencies: [
                "EventLog", "EventModel", "PostgreSQL", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "PostgreSQLTests",
            dependencies: ["EventModel", "PostgreSQL", "TestSupport"],
            swiftSettings: house
        ),
        .testTarget(
            name: "WorkerProtocolTests",
            dependencies: ["EventModel", "TestSupport", "WorkerProtocol"],
            swiftSettings: house
        ),
        .testTarget(
            name: "LeatSDKTests",
            dependencies: [
                "CLeatPlugin", "CLinux", "EventModel", "LeatSDK", "TestSupport", "WorkerProtocol", "WorkerRuntime",
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "WorkerRuntimeTests",
            dependencies: ["CLinux", "EventModel", "TestSupport", "WorkerProtocol", "WorkerRuntime"],
            swiftSettings: house
        ),
        .testTarget(
            name: "AdminAPITests",
            dependencies: [
                "AdminAPI",
                "Catalog",
                "EventModel",
                "PostgreSQL",
                "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "ClientTests",
            dependencies: [
                "AdminAPI",
                "Catalog",
                "EventLog",
                "EventModel",
                "Ingestion",
                "PluginHost",
                "PostgreSQL",
                "TestSupport",
                "leat",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "CatalogTests",
            dependencies: [
                "Catalog",
                "Conditions",
                "EventLog",
                "EventModel",
                "PostgreSQL",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .testTarget(name: "SandboxTests", dependencies: ["CLinux", "Sandbox"], swiftSettings: house),
        .testTarget(
            name: "PluginHostTests",
            dependencies: [
                "EventModel", "PluginHost", "Sandbox", "Telemetry", "TestSupport", "WorkerProtocol",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .testTarget(name: "EventJSONTests", dependencies: ["EventJSON"], swiftSettings: house),
        .testTarget(
            name: "ConditionsTests",
            dependencies: ["Conditions", "EventJSON", "EventModel", "TestSupport"],
            swiftSettings: house
        ),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["Telemetry", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: house
        ),
        .testTarget(
            name: "DeliveryTests",
            dependencies: ["Delivery", "EventModel", "TestSupport"],
            swiftSettings: house
        ),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "Catalog", "Conditions", "Delivery", "EventJSON", "EventLog", "EventModel", "Ingestion", "Pipeline",
                "PluginHost", "PostgreSQL", "Telemetry", "TestSupport", "WorkerProtocol",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "IngestionTests",
            dependencies: [
                "Catalog", "EventJSON", "EventLog", "EventModel", "Ingestion", "PostgreSQL", "Telemetry",
                "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house
        ),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "EventLog", "PostgreSQL", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: house
        ),
    ],
    swiftLanguageModes: [.v6],
    // For #embed.
    cLanguageStandard: .c2x,
    cxxLanguageStandard: .cxx17
)
