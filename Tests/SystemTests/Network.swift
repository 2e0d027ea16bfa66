import Foundation
import Synchronization
import TestSupport

/// A machine of a test's own: a network namespace with one card, which ends with its last process.
struct Host: Sendable {
    let name: String
    let address: String
    fileprivate let namespace: String
    fileprivate let hardware: String

    /// What stands before the words of a program that is to run here.
    var entry: [String] { geteuid() == 0 ? inside : inside + ["setpriv", "--inh-caps=-all", "--ambient-caps=-all"] }

    /// The same for a program that may change the network.
    fileprivate var inside: [String] { ["nsenter", "--net=\(namespace)"] }
}

/// Hosts on one switch, with the test's own machine as the first of them.
///
/// Namespaces have no names and cards belong to them, so everything vanishes with the processes that hold it: these wait
/// on pipes that end with the test's process.
final class Network: Sendable {
    /// The bounds of names and addresses: 198.18.0.0/15 is set aside for tests, in networks of 16 addresses.
    private static let networks = 8192
    private static let number = Atomic<Int>(0)
    /// A hardware address that nobody has: what is sent there vanishes without a word, as behind a cut link.
    private static let nobody = "02:00:00:00:00:ff"
    private static let card = "wire"

    let hosts: [Host]
    /// Where the test's own machine is reached.
    let outside: Host
    /// A second address of the test's machine, so that links to it can be cut apart from the first.
    let receiver: Host
    private let holders: [Holder]

    /// Whether this process may make namespaces and reach into them.
    static func mayBeMade() async throws -> Bool {
        // Its own each time: a namespace that has ended lets go of its cards a moment later.
        let card = "leat\(getpid())-\(number.add(1, ordering: .relaxed).oldValue)"
        let words = ["unshare", "--net", "ip", "link", "add", "name", "a", "type", "veth", "peer", "name", card]
        return try await Program.run(words + ["netns", "\(getpid())"]).status == 0
    }

    /// What an ordinary user puts before a program that is to make namespaces: one of their own, in which they may.
    static let ownRealm = [
        "unshare", "--user", "--map-current-user", "--keep-caps", "--net",
        "sh", "-euc", #"ip link set lo up; exec "$@""#, "sh",
    ]

    /// Whether this process may only do so in a user namespace.
    static func mayBeMadeApart() async throws -> Bool {
        guard geteuid() != 0, try await !mayBeMade() else { return false }
        return try await Program.run(ownRealm + ["unshare", "--net", "true"]).status == 0
    }

    /// Makes hosts with these names.
    static func make(_ names: [String]) async throws -> Network {
        let number = number.add(1, ordering: .relaxed).oldValue
        let place = (Int(getpid()) * 8 + number) % networks
        let prefix = "198.\(18 + place / 4096).\(place / 16 % 256)."
        let first = place % 16 * 16
        var holders: [Holder] = []
        for _ in 0...names.count { holders.append(try await Holder.start()) }
        func host(_ name: String, _ number: Int, namespace: String, hardware: Int? = nil) -> Host {
            Host(
                name: name,
                address: prefix + "\(first + number)",
                namespace: namespace,
                hardware: "02:00:00:00:00:0\(hardware ?? number)"
            )
        }
        let hosts = names.enumerated().map { place, name in
            host(name, place + 3, namespace: holders[place + 1].namespace)
        }
        let network = Network(
            hosts: hosts,
            outside: host("outside", 1, namespace: "/proc/self/ns/net"),
            receiver: host("receiver", 2, namespace: "/proc/self/ns/net", hardware: 1),
            holders: holders
        )
        do {
            try await network.connect(card: "leat\(getpid())-\(number)")
        } catch {
            await network.close()
            throw error
        }
        return network
    }

    private init(hosts: [Host], outside: Host, receiver: Host, holders: [Holder]) {
        self.hosts = hosts
        self.outside = outside
        self.receiver = receiver
        self.holders = holders
    }

    func host(_ name: String) throws -> Host {
        guard let host = hosts.first(where: { $0.name == name }) else { throw Failed(words: "no host is \(name)") }
        return host
    }

    private func connect(card: String) async throws {
        let hub = ["nsenter", "--net=\(holders[0].namespace)", "ip", "link"]
        var lines = [hub + ["add", "name", "switch", "type", "bridge"], hub + ["set", "switch", "up"]]
        func plug(_ host: Host, _ card: String, _ pid: Int32, _ addresses: [Host]) {
            let port = "to-\(host.name)"
            lines += [
                hub + ["add", "name", port, "type", "veth", "peer", "name", card, "address", host.hardware]
                    + ["netns", "\(pid)"],
                hub + ["set", port, "master", "switch", "up"],
            ]
            lines += addresses.map { host.inside + ["ip", "address", "add", $0.address + "/28", "dev", card] }
            lines.append(host.inside + ["ip", "link", "set", card, "up"])
        }
        for (host, holder) in zip(hosts, holders.dropFirst()) {
            plug(host, Self.card, holder.pid, [host])
            lines.append(host.inside + ["ip", "link", "set", "lo", "up"])
        }
        plug(outside, card, getpid(), [outside, receiver])
        try await run(lines)
    }

    /// Lets everything vanish that `sender` sends to `receiver`, and nothing else.
    func cut(from sender: Host, to receiver: Host) async throws {
        let neighbour = ["ip", "neighbour", "replace", receiver.address, "lladdr", Self.nobody, "nud", "permanent"]
        try await run([sender.inside + neighbour + ["dev", Self.card]])
    }

    func heal(from sender: Host, to receiver: Host) async throws {
        try await run([sender.inside + ["ip", "neighbour", "delete", receiver.address, "dev", Self.card]])
    }

    /// Lets everything vanish between two hosts, in both directions.
    func cut(_ one: Host, _ other: Host) async throws {
        try await cut(from: one, to: other)
        try await cut(from: other, to: one)
    }

    func heal(_ one: Host, _ other: Host) async throws {
        try await heal(from: one, to: other)
        try await heal(from: other, to: one)
    }

    /// Ends what holds the namespaces; each goes when its last process has ended.
    func close() async { for holder in holders { await holder.end() } }

    private func run(_ lines: [[String]]) async throws {
        let script = lines.map { $0.joined(separator: " ") }.joined(separator: "\n")
        let ended = try await Program.run(["sh", "-euc", script], atMost: .seconds(60))
        guard ended.status == 0 else { throw Failed(words: "\(script)\n\(ended.text)") }
    }

    struct Failed: Error, CustomStringConvertible {
        let words: String
        var description: String { "the network: \(words)" }
    }
}

/// A process that does nothing in a network namespace of its own.
private final class Holder: Sendable {
    private static let own = "/proc/self/ns/net"
    private let process: ChildProcess
    /// Its input, which ends with the test's process.
    private let pipe: Pipe

    var pid: Int32 { process.pid }
    var namespace: String { "/proc/\(pid)/ns/net" }

    static func start() async throws -> Holder {
        let holder = try Holder()
        let end = ContinuousClock.now + .seconds(30)
        let files = FileManager.default
        let own = try files.destinationOfSymbolicLink(atPath: Self.own)
        while (try? files.destinationOfSymbolicLink(atPath: holder.namespace)) ?? own == own {
            guard ContinuousClock.now < end, holder.process.isRunning else {
                await holder.end()
                throw Network.Failed(words: "no namespace can be made")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        return holder
    }

    private init() throws {
        pipe = Pipe()
        process = try ChildProcess(["unshare", "--net", "cat"], input: pipe)
    }

    func end() async {
        process.signal(SIGKILL)
        _ = await process.ended()
    }
}
