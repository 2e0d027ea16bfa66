// swift-tools-version: 6.3
import PackageDescription

/// How the server compiles the same sources.
let sdk: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"), .enableExperimentalFeature("Lifetimes"),
]

// Everything that the plugin needs is in this folder, the standard library included: what comes out of
// `swift build -c release` is one file that runs wherever the server runs.
let package = Package(
    name: "mask-email",
    products: [.library(name: "MaskEmail", type: .dynamic, targets: ["MaskEmail"])],
    targets: [
        .target(
            name: "MaskEmail",
            dependencies: ["LeatSDK"],
            linkerSettings: [
                .unsafeFlags([
                    "-static-stdlib", "-Xlinker", "--gc-sections", "-Xlinker", "-s",
                    "-Xlinker", "--version-script=\(Context.packageDirectory)/exports.map",
                ])
            ]
        ),

        // The SDK: the server's own sources, linked here so that no network is needed.
        .target(name: "LeatSDK", dependencies: ["CLeatPlugin", "EventJSON", "EventModel"], swiftSettings: sdk),
        .target(name: "EventJSON", dependencies: ["EventModel"], swiftSettings: sdk),
        .target(name: "EventModel", swiftSettings: sdk),
        .target(name: "CLeatPlugin"),
    ],
    swiftLanguageModes: [.v6]
)
