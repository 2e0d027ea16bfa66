import CPostgreSQL
import Glibc
import Synchronization

/// What other threads may know of a connection without asking its thread.
final class LinkCondition: Sendable {
    enum Value: UInt8 { case usable, inTransaction, broken }

    private let stored = Atomic<UInt8>(Value.broken.rawValue)
    /// The ticket of the call that shall end early; tickets only grow, so a late request hits nothing.
    private let ended = Atomic<UInt64>(0)

    var value: Value {
        get { Value(rawValue: stored.load(ordering: .acquiring)) ?? .broken }
        set { stored.store(newValue.rawValue, ordering: .releasing) }
    }

    func end(_ ticket: UInt64) { ended.store(ticket, ordering: .releasing) }
    func isEnded(_ ticket: UInt64) -> Bool { ended.load(ordering: .acquiring) == ticket }
}

/// libpq's connection, used without blocking in any call but the first, so that waiting can be ended.
///
/// - Owner: its connection's thread; nobody else calls anything here.
@safe final class Link: @unchecked Sendable {
    let connection: OpaquePointer
    let bell: Bell
    let condition: LinkCondition
    var prepared: [PreparedKey: String] = [:]
    var warnings = 0
    var listeners: [AsyncStream<Notification>.Continuation] = []
    private(set) var ticket: UInt64 = 0

    private let cancelGrace: Duration

    private init(_ connection: OpaquePointer, bell: Bell, condition: LinkCondition, cancelGrace: Duration) {
        unsafe self.connection = unsafe connection
        self.cancelGrace = cancelGrace
        self.bell = bell
        self.condition = condition
    }

    deinit { unsafe PQfinish(connection) }

    var socket: Int32 { unsafe PQsocket(connection) }

    /// Makes a connection, blocking for at most the settings' time.
    static func open(
        _ settings: ConnectionSettings,
        bell: Bell,
        condition: LinkCondition
    ) throws(PostgreSQLError) -> Link {
        guard isReadable(settings.address) else { throw .invalidAddress }
        let pairs = settings.defaults + [("dbname", settings.address), ("client_encoding", "UTF8")]
        let connection = unsafe withCStrings(pairs.map(\.0)) { keys in
            unsafe withCStrings(pairs.map(\.1)) { values in unsafe PQconnectdbParams(keys, values, 1) }
        }
        guard let connection = unsafe connection else { throw .connectionFailed(reason: "no memory") }
        let link = unsafe Link(connection, bell: bell, condition: condition, cancelGrace: settings.cancelGrace)
        guard unsafe PQstatus(connection) == CONNECTION_OK else {
            throw .connectionFailed(reason: unsafe lastMessage(connection))
        }
        unsafe PQsetnonblocking(connection, 1)
        link.countWarnings()
        let preamble = Statement("session", settings.preamble, timeout: .seconds(settings.connectSeconds))
        _ = try link.runScript(preamble, ticket: link.nextTicket())
        return link
    }

    func nextTicket() -> UInt64 {
        ticket += 1
        return ticket
    }

    /// Tells everybody whether the connection can be used again.
    func publishCondition() {
        let status = unsafe PQtransactionStatus(connection)
        condition.value =
            if unsafe PQstatus(connection) != CONNECTION_OK {
                .broken
            } else if status == PQTRANS_IDLE {
                .usable
            } else {
                .inTransaction
            }
        if condition.value == .broken { finishListeners() }
    }

    /// Ends the connection for whoever uses it; the memory goes with the object.
    func giveUp() {
        condition.value = .broken
        finishListeners()
    }

    private func finishListeners() {
        for listener in listeners { listener.finish() }
        listeners.removeAll()
    }

    // MARK: Waiting

    /// Sends what libpq holds back.
    func flush(_ query: Waiting) throws(PostgreSQLError) {
        while true {
            switch unsafe PQflush(connection) {
            case 0: return
            case 1: try wait(for: Int16(POLLIN | POLLOUT), query)
            default: throw lost(query.name)
            }
        }
    }

    /// The next result, or nil when the query has no more.
    func nextResult(_ query: Waiting) throws(PostgreSQLError) -> ResultHandle? {
        while unsafe PQisBusy(connection) == 1 { try wait(for: Int16(POLLIN), query) }
        guard let result = unsafe PQgetResult(connection) else { return nil }
        return unsafe ResultHandle(result)
    }

    /// Waits until the socket is ready, ending the statement on the server when its time or its task is over.
    private func wait(for events: Int16, _ query: Waiting) throws(PostgreSQLError) {
        if query.endedBecause == nil {
            if condition.isEnded(query.ticket) {
                try cancelOnServer(query, because: .cancelled(query: query.name))
            } else if let deadline = query.deadline, deadline <= .now {
                try cancelOnServer(query, because: .timedOut(query: query.name))
            }
        } else if let deadline = query.deadline, deadline <= .now {
            throw lost(query.name)
        }
        let ready = bell.wait(other: socket, events: events, milliseconds: query.remainingMilliseconds)
        guard ready & Int16(POLLIN | POLLHUP | POLLERR) != 0 else { return }
        if unsafe PQconsumeInput(connection) == 0 { throw lost(query.name) }
    }

    /// Asks the server to end the statement, over a connection of its own that waits for as long as nobody answers there.
    ///
    /// Nothing else is sent here before that is known to have arrived: it would end the next statement instead.
    /// - Throws: `connectionLost` when the server cannot even be asked in time.
    private func cancelOnServer(_ query: Waiting, because reason: PostgreSQLError) throws(PostgreSQLError) {
        query.endedBecause = reason
        query.deadline = .now + cancelGrace
        guard let cancel = unsafe PQgetCancel(connection) else { return }
        let asked = Bell()
        OwnThread.start {
            var text = [CChar](repeating: 0, count: 256)
            _ = unsafe PQcancel(cancel, &text, Int32(text.count))
            unsafe PQfreeCancel(cancel)
            asked.ring()
        }
        guard asked.isHeard(within: cancelGrace) else { throw lost(query.name) }
    }

    func lost(_ query: String) -> PostgreSQLError {
        giveUp()
        return .connectionLost(query: query)
    }

    /// Reads what came while nobody asked anything: notifications, or the end.
    ///
    /// - Returns: whether the connection still stands.
    func readWhileIdle() -> Bool {
        guard unsafe PQconsumeInput(connection) == 1, unsafe PQstatus(connection) == CONNECTION_OK else {
            giveUp()
            return false
        }
        deliverNotifications()
        return true
    }
}

/// One call's wait: whose it is, and when and why it ends early.
final class Waiting {
    let name: String
    let ticket: UInt64
    var deadline: ContinuousClock.Instant?
    var endedBecause: PostgreSQLError?

    init(name: String, ticket: UInt64, timeout: Duration?) {
        self.name = name
        self.ticket = ticket
        deadline = timeout.map { .now + $0 }
    }

    /// What `poll` is told; -1 for ever.
    var remainingMilliseconds: Int32 {
        guard let deadline else { return -1 }
        let left = ContinuousClock.now.duration(to: deadline).components
        guard left.seconds >= 0, left.seconds < 1_000_000 else { return left.seconds < 0 ? 0 : 1_000_000_000 }
        return Int32(left.seconds) * 1000 + Int32(left.attoseconds / 1_000_000_000_000_000) + 1
    }
}
