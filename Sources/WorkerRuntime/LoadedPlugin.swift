import CLeatPlugin
import WorkerProtocol

/// A plugin that was loaded, compared with its manifest and created.
@safe struct LoadedPlugin {
    private let plugin: leat_plugin_v1
    let instance: OpaquePointer
    let transform: leat_transform_v1?
    let request: leat_dest_request_v1?
    /// How long each stage took, in nanoseconds; told to the host as advice.
    let times: StageTimes

    struct StageTimes {
        var open: UInt64 = 0
        var entry: UInt64 = 0
        var create: UInt64 = 0
    }

    /// Which interfaces the instance has, as `LEAT_KIND_` bits.
    var interfaces: UInt64 {
        (transform == nil ? 0 : UInt64(LEAT_KIND_TRANSFORM)) | (request == nil ? 0 : UInt64(LEAT_KIND_DEST_REQUEST))
    }

    /// Loads the library behind `file` and makes the one instance of this process.
    ///
    /// - Throws: `LoadFailure`; the worker cannot be used for anything else then.
    init(_ file: Int32, _ wanted: LoadRequest, _ stage: StagePointer, deadline: Int64) throws(LoadFailure) {
        var begin = Clock.monotonic()
        let library = try PluginLibrary(file)
        let open = Self.lap(&begin)
        try unsafe self.init(try library.entry(wanted.entry), wanted, stage, deadline: deadline, open: open)
    }

    /// Makes the instance of a plugin whose entry function is known.
    init(
        _ entry: leat_plugin_entry_v1_t,
        _ wanted: LoadRequest,
        _ stage: StagePointer,
        deadline: Int64,
        open: UInt64 = 0
    ) throws(LoadFailure) {
        var times = StageTimes(open: open)
        var begin = Clock.monotonic()
        let host = unsafe HostTables.make(wanted, stage)
        var plugin = unsafe leat_plugin_v1()
        try unsafe Tables.copy(entry(host), into: &plugin, "what the entry function returned")
        unsafe try Self.compare(plugin, wanted)
        times.entry = Self.lap(&begin)
        unsafe instance = try unsafe Self.create(plugin, wanted, stage, deadline)
        unsafe self.plugin = plugin
        (transform, request) = try unsafe Self.interfaces(plugin, instance, wanted)
        times.create = Self.lap(&begin)
        self.times = times
    }

    /// Ends the instance in order, if the plugin cares.
    func destroy() { unsafe plugin.destroy?(instance) }

    // MARK: Steps

    private static func lap(_ begin: inout Int64) -> UInt64 {
        let now = Clock.monotonic()
        defer { begin = now }
        return UInt64(clamping: now - begin)
    }

    /// The manifest says who the plugin is; the binary only confirms it.
    private static func compare(_ plugin: leat_plugin_v1, _ wanted: LoadRequest) throws(LoadFailure) {
        let id = unsafe plugin.id.text()
        let version = unsafe plugin.version.text()
        guard id == wanted.pluginID else {
            throw LoadFailure(.identityMismatch, "the manifest's id is \(wanted.pluginID), the library's is \(id)")
        }
        guard version == wanted.pluginVersion else {
            let text = "the manifest's version is \(wanted.pluginVersion), the library's is \(version)"
            throw LoadFailure(.identityMismatch, text)
        }
        guard unsafe plugin.kinds == wanted.kinds else {
            let text = "the manifest's kinds are \(wanted.kinds), the library's are \(unsafe plugin.kinds)"
            throw LoadFailure(.identityMismatch, text)
        }
    }

    private static func create(
        _ plugin: leat_plugin_v1,
        _ wanted: LoadRequest,
        _ stage: StagePointer,
        _ deadline: Int64
    ) throws(LoadFailure) -> OpaquePointer {
        guard let create = unsafe plugin.create else { throw LoadFailure(.abiMismatch, "the plugin has no create") }
        var arguments = unsafe leat_instance_args()
        unsafe arguments.struct_size = UInt32(MemoryLayout<leat_instance_args>.size)
        unsafe arguments.instance_id = HostTables.keep(wanted.instanceID)
        unsafe arguments.config_json = stage.configuration
        unsafe arguments.kind = wanted.kind
        unsafe arguments.attempt = wanted.attempt
        unsafe arguments.deadline_ns = deadline
        var instance: OpaquePointer?
        let status = unsafe create(&arguments, &instance)
        guard status == LEAT_OK else {
            throw LoadFailure(.createFailed, "create returned \(status)", status: status)
        }
        guard let instance = unsafe instance else {
            throw LoadFailure(.abiMismatch, "create returned LEAT_OK but no instance")
        }
        return unsafe instance
    }

    private static func interfaces(
        _ plugin: leat_plugin_v1,
        _ instance: OpaquePointer,
        _ wanted: LoadRequest
    ) throws(LoadFailure) -> (leat_transform_v1?, leat_dest_request_v1?) {
        guard let find = unsafe plugin.get_interface else {
            throw LoadFailure(.abiMismatch, "the plugin has no get_interface")
        }
        if wanted.kind == UInt32(LEAT_KIND_TRANSFORM) {
            var table = leat_transform_v1()
            let found = unsafe find(instance, HostTables.keep(LEAT_ID_TRANSFORM))
            try unsafe Tables.copy(found, into: &table, "the interface \(LEAT_ID_TRANSFORM)")
            guard unsafe table.process != nil else {
                throw LoadFailure(.abiMismatch, "the interface \(LEAT_ID_TRANSFORM) has no process")
            }
            return (table, nil)
        }
        guard wanted.kind == UInt32(LEAT_KIND_DEST_REQUEST) else {
            throw LoadFailure(.abiMismatch, "this worker knows no plugin of kind \(wanted.kind)")
        }
        var table = leat_dest_request_v1()
        let found = unsafe find(instance, HostTables.keep(LEAT_ID_DEST_REQUEST))
        try unsafe Tables.copy(found, into: &table, "the interface \(LEAT_ID_DEST_REQUEST)")
        guard unsafe table.build != nil else {
            throw LoadFailure(.abiMismatch, "the interface \(LEAT_ID_DEST_REQUEST) has no build")
        }
        return (nil, table)
    }
}
