package import Conditions
package import EventModel

/// What somebody wants the configuration to be: the contents of one file.
///
/// A section that the file does not have is nil and is left alone; an empty list means that there are none.
package struct Declaration: Equatable, Sendable {
    package var plugins: [DeclaredPlugin]?
    package var sources: [DeclaredSource]?
    package var destinations: [DeclaredDestination]?
    package var connections: [DeclaredConnection]?

    package init(
        plugins: [DeclaredPlugin]? = nil,
        sources: [DeclaredSource]? = nil,
        destinations: [DeclaredDestination]? = nil,
        connections: [DeclaredConnection]? = nil
    ) {
        self.plugins = plugins
        self.sources = sources
        self.destinations = destinations
        self.connections = connections
    }

    /// The most entries of one section.
    package static let maximumEntries = 10_000
}

/// Where in a file something stands.
package struct Place: Equatable, Sendable {
    /// Keys and numbers from the root, such as `connections[0].transformations[1].plugin`.
    package let path: String
    /// From 1; 0 where nobody knows.
    package let line: Int

    package init(path: String = "", line: Int = 0) {
        self.path = path
        self.line = line
    }
}

/// One thing that is wrong with a declaration.
package struct Problem: Equatable, Sendable, CustomStringConvertible {
    package let path: String
    package let line: Int
    package let message: String

    package init(_ place: Place, _ message: String) {
        path = place.path
        line = place.line
        self.message = message
    }

    package var description: String {
        let position = line > 0 ? "line \(line): " : ""
        return path.isEmpty ? "\(position)\(message)" : "\(position)\(path): \(message)"
    }
}

/// A plugin version that shall be active.
package struct DeclaredPlugin: Equatable, Sendable {
    /// Nil only in a file that names a manifest instead.
    package var id: String?
    package var version: String?
    /// The files from which a client uploads it, relative to the declaration's own folder; never seen by the server.
    package var library: String?
    package var manifest: String?
    /// Set by a client that will upload it, so that a plan can be made before.
    package var kind: PluginKind?
    /// The library's hash in hexadecimal digits, set by the same client, so that a plan finds a version that changed.
    package var sha256: String?
    package var place: Place

    package init(
        id: String?,
        version: String?,
        library: String? = nil,
        manifest: String? = nil,
        kind: PluginKind? = nil,
        sha256: String? = nil,
        place: Place = Place()
    ) {
        self.id = id
        self.version = version
        self.library = library
        self.manifest = manifest
        self.kind = kind
        self.sha256 = sha256
        self.place = place
    }
}

/// A source that shall be.
package struct DeclaredSource: Equatable, Sendable {
    package var name: String
    package var enabled: Bool
    /// Nil leaves what is, and means the default for a new source.
    package var partitions: Int?
    /// The keys in clear; nil leaves what is, and lets a new source have one generated.
    package var writeKeys: [String]?
    /// Nil leaves what is.
    package var limits: SourceLimits?
    /// Nil leaves what is.
    package var transformations: [Transformation]?
    package var place: Place

    package init(
        name: String,
        enabled: Bool = true,
        partitions: Int? = nil,
        writeKeys: [String]? = nil,
        limits: SourceLimits? = nil,
        transformations: [Transformation]? = nil,
        place: Place = Place()
    ) {
        self.name = name
        self.enabled = enabled
        self.partitions = partitions
        self.writeKeys = writeKeys
        self.limits = limits
        self.transformations = transformations
        self.place = place
    }
}

/// A destination that shall be.
package struct DeclaredDestination: Equatable, Sendable {
    package var name: String
    package var connector: PluginReference
    /// - Shape: canonical JSON of one object.
    package var config: String
    package var limits: DestinationLimits
    package var transport: DestinationTransport
    package var enabled: Bool
    package var place: Place

    package init(
        name: String,
        connector: PluginReference,
        config: String = "{}",
        limits: DestinationLimits = .standard,
        transport: DestinationTransport = .standard,
        enabled: Bool = true,
        place: Place = Place()
    ) {
        self.name = name
        self.connector = connector
        self.config = config
        self.limits = limits
        self.transport = transport
        self.enabled = enabled
        self.place = place
    }
}

/// A connection that shall be.
package struct DeclaredConnection: Equatable, Sendable {
    package var source: String
    package var destination: String
    package var transformations: [Transformation]
    package var selection: Selection
    package var lag: LagPolicy
    package var enabled: Bool
    /// See ``Connection/sample``.
    package var sample: Double
    package var place: Place

    package init(
        source: String,
        destination: String,
        transformations: [Transformation] = [],
        selection: Selection = .everything,
        lag: LagPolicy = .hold,
        enabled: Bool = true,
        sample: Double = Connection.standardSample,
        place: Place = Place()
    ) {
        self.source = source
        self.destination = destination
        self.transformations = transformations
        self.selection = selection
        self.lag = lag
        self.enabled = enabled
        self.sample = sample
        self.place = place
    }

    package var name: String { "\(source)/\(destination)" }
}
