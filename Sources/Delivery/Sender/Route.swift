import AsyncHTTPClient
import EventModel
import NIOCore
import NIOPosix
import Synchronization

/// A client that connects to one address, which was checked, whatever the name may lead to by now.
final class Route: Sendable {
    /// Nil where a proxy looks the name up.
    let address: IPAddress?
    let client: HTTPClient
    /// Twice the number of requests on their way, and one more once nobody else may take it.
    private let load = Atomic<Int>(0)

    /// - Unit: connections to one host.
    private static let connectionsPerHost = 1024
    private static let connectTimeout = TimeAmount.seconds(10)
    private static let idleTimeout = TimeAmount.seconds(60)

    /// A way to `host` at `address`, which is the proxy's where there is one.
    init(to host: String, at address: IPAddress, by transport: Transport) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout.connect = Self.connectTimeout
        configuration.connectionPool.idleTimeout = Self.idleTimeout
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.connectionsPerHost
        // Retries are ours alone: the client would repeat a failed connection until the time is up and hide its cause.
        configuration.connectionPool.retryConnectionEstablishment = false
        transport.apply(to: &configuration, proxyAddress: "\(address)")
        if IPAddress(host) == nil {
            configuration.http1_1ConnectionDebugInitializer = { HostIdentity.check($0, for: host) }
            configuration.http2ConnectionDebugInitializer = { HostIdentity.check($0, for: host) }
        }
        // Through a proxy the name is what it is asked for, so that it may judge by names.
        if transport.settings.proxy == nil, IPAddress(host) == nil { configuration.dnsOverride = [host: "\(address)"] }
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        self.address = address
    }

    var isBusy: Bool { load.load(ordering: .relaxed) > 1 }

    func enter() { load.add(2, ordering: .relaxed) }

    func leave() {
        if load.subtract(2, ordering: .acquiringAndReleasing).newValue == 1 { close() }
    }

    /// Closes it as soon as nobody is on the way.
    func retire() {
        if load.add(1, ordering: .acquiringAndReleasing).newValue == 1 { close() }
    }

    private func close() { client.shutdown { _ in } }
}
