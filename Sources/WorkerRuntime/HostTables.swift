import CLeatPlugin
import Glibc
import Synchronization
import WorkerProtocol

/// The host as the plugin sees it: one struct and the tables it can be asked for.
///
/// All of it is made once, before the plugin's entry function runs, and stays where it is until the process ends.
@safe enum HostTables {
    /// The host struct for a plugin that is about to be loaded.
    static func make(_ wanted: LoadRequest, _ stage: StagePointer) -> UnsafePointer<leat_host_v1> {
        unsafe stage.setConfiguration(keep(Array(wanted.configuration)))
        var host = unsafe leat_host_v1()
        unsafe host.struct_size = size(of: leat_host_v1.self)
        unsafe host.abi_major = UInt32(LEAT_ABI_MAJOR)
        unsafe host.name = keep("leat")
        unsafe host.version = keep(wanted.hostVersion)
        unsafe host.ctx = stage.context
        unsafe host.get_extension = { _, id in
            // The whole id must match: "leat.log/10" is another one.
            for unsafe(name, table) in unsafe HostTables.tables where unsafe id.bytes.elementsEqual(name.utf8) {
                return unsafe table
            }
            return nil
        }
        return unsafe UnsafePointer(place(host))
    }

    /// A text that C can hold on to until the process ends.
    static func keep(_ text: String) -> leat_slice { unsafe leat_slice(keep(Array(text.utf8))) }

    /// Bytes that C can hold on to until the process ends.
    static func keep(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 8)
        unsafe place.copyBytes(from: bytes)
        return unsafe UnsafeRawBufferPointer(rebasing: place[0..<bytes.count])
    }

    static func size<Table>(of table: Table.Type) -> UInt32 { UInt32(MemoryLayout<Table>.size) }

    private static func place<Table>(_ table: Table) -> UnsafeMutablePointer<Table> {
        let place = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        unsafe place.initialize(to: table)
        return unsafe place
    }

    // MARK: Tables

    /// Built when the first plugin asks; a let is initialised once, whichever thread asks.
    nonisolated(unsafe) private static let tables: [(String, UnsafeRawPointer)] = unsafe [
        (LEAT_ID_LOG, UnsafeRawPointer(place(log))),
        (LEAT_ID_CONFIG, UnsafeRawPointer(place(configuration))),
        (LEAT_ID_CLOCK, UnsafeRawPointer(place(clock))),
        (LEAT_ID_ERROR, UnsafeRawPointer(place(error))),
        (LEAT_ID_RANDOM, UnsafeRawPointer(place(random))),
        (LEAT_ID_HTTP, UnsafeRawPointer(place(http))),
        (LEAT_ID_SECRET, UnsafeRawPointer(place(secret))),
        (LEAT_ID_METRIC, UnsafeRawPointer(place(metric))),
        (LEAT_ID_THREAD_CHECK, UnsafeRawPointer(place(threadCheck))),
    ]

    private static var log: leat_log_v1 {
        unsafe leat_log_v1(
            struct_size: size(of: leat_log_v1.self),
            abi_minor: 0,
            write: { context, level, message, fields in
                guard let context = unsafe context else { return }
                unsafe StagePointer(context).log(level, message.bytes, fields.bytes)
            }
        )
    }

    private static var configuration: leat_config_v1 {
        unsafe leat_config_v1(
            struct_size: size(of: leat_config_v1.self),
            abi_minor: 0,
            get: { context, pointer in
                guard let context = unsafe context else { return unsafe .empty }
                return unsafe StagePointer(context).configuration(at: pointer.text(limit: 4096))
            }
        )
    }

    private static var clock: leat_clock_v1 {
        unsafe leat_clock_v1(
            struct_size: size(of: leat_clock_v1.self),
            abi_minor: 0,
            wall_ns: { context in
                guard let context = unsafe context else { return 0 }
                return unsafe StagePointer(context).pointer.pointee.threads.wall.load(ordering: .relaxed)
            },
            monotonic_ns: { _ in Clock.monotonic() },
            deadline_ns: { context in
                guard let context = unsafe context else { return 0 }
                return unsafe StagePointer(context).pointer.pointee.threads.deadline.load(ordering: .relaxed)
            }
        )
    }

    private static var error: leat_error_v1 {
        unsafe leat_error_v1(
            struct_size: size(of: leat_error_v1.self),
            abi_minor: 0,
            set: { context, code, message in
                guard let context = unsafe context else { return }
                let stage = unsafe StagePointer(context)
                guard unsafe stage.pointer.pointee.admitsCaller else { return }
                unsafe stage.pointer.pointee.output.batchError(code: code.bytes, message: message.bytes)
            }
        )
    }

    private static var random: leat_random_v1 {
        unsafe leat_random_v1(
            struct_size: size(of: leat_random_v1.self),
            abi_minor: 0,
            fill: { _, bytes, count in
                guard let bytes = unsafe bytes, count <= 1 << 20 else { return LEAT_E_INVALID }
                var filled = 0
                while filled < Int(count) {
                    // The kernel gives at most 256 bytes at once.
                    let more = min(Int(count) - filled, 256)
                    guard unsafe getentropy(bytes + filled, more) == 0 else { return LEAT_E_INTERNAL }
                    filled += more
                }
                return LEAT_OK
            }
        )
    }
}

extension StagePointer {
    /// Writes a log record, or keeps it for the instance thread when another one calls.
    func log(_ level: Int32, _ message: UnsafeRawBufferPointer, _ fields: UnsafeRawBufferPointer) {
        if unsafe pointer.pointee.admitsCaller {
            unsafe pointer.pointee.output.log(level: level, message, fields: fields)
            return
        }
        let record = unsafe SharedWithThreads.PendingLog(
            level: level,
            message: Array(message.prefix(TextLimits.logMessage)),
            fields: Array(fields.prefix(TextLimits.logMessage))
        )
        let threads = unsafe pointer.pointee.threads
        let isKept = threads.logs.withLock { logs in
            guard logs.count < TextLimits.logsPerBatch else { return false }
            logs.append(record)
            return true
        }
        if !isKept { threads.droppedLogs.add(1, ordering: .relaxed) }
    }
}
