import CLeatPlugin

/// The way from the entry function to a transformation or connector.
///
/// A plugin's library exports one C function, and it is one line:
/// ```swift
/// @c(leat_plugin_entry_v1)
/// public func entry(_ host: UnsafeRawPointer?) -> UnsafeRawPointer? {
///     Plugin.export(MaskEmail.self, id: "com.example.mask-email", version: "1.0.0", to: host)
/// }
/// ```
public enum Plugin {
    /// Offers a transformation to the host.
    ///
    /// - Parameters:
    ///   - type: The transformation.
    ///   - id: The id in the manifest.
    ///   - version: The version in the manifest.
    ///   - host: What the entry function was given.
    /// - Returns: What the entry function returns.
    @safe public static func export<T: Transformation>(
        _ type: T.Type,
        id: String,
        version: String,
        to host: UnsafeRawPointer?
    ) -> UnsafeRawPointer? {
        unsafe export(id, version, LEAT_KIND_TRANSFORM, host) { configuration in
            TransformationRunner(try T(configuration: configuration))
        }
    }

    /// Offers a connector to the host.
    ///
    /// - Parameters:
    ///   - type: The connector.
    ///   - id: The id in the manifest.
    ///   - version: The version in the manifest.
    ///   - host: What the entry function was given.
    /// - Returns: What the entry function returns.
    @safe public static func export<C: Connector>(
        _ type: C.Type,
        id: String,
        version: String,
        to host: UnsafeRawPointer?
    ) -> UnsafeRawPointer? {
        unsafe export(id, version, LEAT_KIND_DEST_REQUEST, host) { configuration in
            ConnectorRunner(try C(configuration: configuration))
        }
    }

    // MARK: Boundary

    /// Makes the instance; set by the entry function, before the host can call `create`, and never again.
    nonisolated(unsafe) private static var make: ((Configuration) throws -> Runner)?

    private static func export(
        _ id: String,
        _ version: String,
        _ kind: Int32,
        _ host: UnsafeRawPointer?,
        _ make: @escaping (Configuration) throws -> Runner
    ) -> UnsafeRawPointer? {
        guard let host = unsafe host?.assumingMemoryBound(to: leat_host_v1.self),
            unsafe host.pointee.abi_major == UInt32(LEAT_ABI_MAJOR)
        else { return nil }
        unsafe Host.connect(host)
        unsafe Plugin.make = make
        let table = UnsafeMutablePointer<leat_plugin_v1>.allocate(capacity: 1)
        unsafe table.initialize(
            to: leat_plugin_v1(
                struct_size: UInt32(MemoryLayout<leat_plugin_v1>.size),
                abi_minor: 0,
                id: leat_slice(forever: id),
                version: leat_slice(forever: version),
                build_info: leat_slice(forever: "LeatSDK"),
                kinds: UInt64(kind),
                create: { arguments, instance in unsafe Plugin.create(arguments, instance) },
                destroy: { instance in
                    guard let instance = unsafe instance else { return }
                    unsafe Unmanaged<Runner>.fromOpaque(UnsafeRawPointer(instance)).release()
                },
                get_interface: { _, id in unsafe Interfaces.table(for: id.text) }
            )
        )
        return UnsafeRawPointer(table)
    }

    private static func create(
        _ arguments: UnsafePointer<leat_instance_args>?,
        _ instance: UnsafeMutablePointer<OpaquePointer?>?
    ) -> leat_status {
        guard let arguments = unsafe arguments, let instance = unsafe instance, let make = unsafe make else {
            return LEAT_E_INVALID
        }
        do {
            let configuration = try unsafe Configuration(bytes: Array(arguments.pointee.config_json.bytes))
            let runner = try make(configuration)
            unsafe instance.pointee = OpaquePointer(Unmanaged.passRetained(runner).toOpaque())
            return LEAT_OK
        } catch {
            return Host.explain(Failure(error))
        }
    }
}

/// An instance as C sees it: one class for every transformation and connector.
class Runner {
    func process(_ batch: UnsafePointer<leat_batch>, _ sink: UnsafePointer<leat_transform_sink>) -> leat_status {
        LEAT_E_UNSUPPORTED
    }

    func build(_ batch: UnsafePointer<leat_batch>, _ sink: UnsafePointer<leat_request_sink>) -> leat_status {
        LEAT_E_UNSUPPORTED
    }

    func classify(
        _ batch: UnsafePointer<leat_response_batch>,
        _ sink: UnsafePointer<leat_classify_sink>
    ) -> leat_status {
        LEAT_E_UNSUPPORTED
    }

    static func of(_ instance: OpaquePointer?) -> Runner? {
        guard let instance = unsafe instance else { return nil }
        return unsafe Unmanaged<Runner>.fromOpaque(UnsafeRawPointer(instance)).takeUnretainedValue()
    }
}

/// The interfaces that `get_interface` hands out.
private enum Interfaces {
    static func table(for id: String) -> UnsafeRawPointer? {
        switch id {
        case LEAT_ID_TRANSFORM: unsafe UnsafeRawPointer(transform)
        case LEAT_ID_DEST_REQUEST: unsafe UnsafeRawPointer(request)
        default: nil
        }
    }

    nonisolated(unsafe) private static let transform: UnsafeMutablePointer<leat_transform_v1> = {
        let table = UnsafeMutablePointer<leat_transform_v1>.allocate(capacity: 1)
        unsafe table.initialize(
            to: leat_transform_v1(
                struct_size: UInt32(MemoryLayout<leat_transform_v1>.size),
                abi_minor: 0,
                process: { instance, batch, sink in
                    guard let runner = unsafe Runner.of(instance), let batch = unsafe batch, let sink = unsafe sink
                    else {
                        return LEAT_E_INVALID
                    }
                    return unsafe runner.process(batch, sink)
                }
            )
        )
        return unsafe table
    }()

    nonisolated(unsafe) private static let request: UnsafeMutablePointer<leat_dest_request_v1> = {
        let table = UnsafeMutablePointer<leat_dest_request_v1>.allocate(capacity: 1)
        unsafe table.initialize(
            to: leat_dest_request_v1(
                struct_size: UInt32(MemoryLayout<leat_dest_request_v1>.size),
                abi_minor: 0,
                build: { instance, batch, sink in
                    guard let runner = unsafe Runner.of(instance), let batch = unsafe batch, let sink = unsafe sink
                    else {
                        return LEAT_E_INVALID
                    }
                    return unsafe runner.build(batch, sink)
                },
                classify: { instance, batch, sink in
                    guard let runner = unsafe Runner.of(instance), let batch = unsafe batch, let sink = unsafe sink
                    else {
                        return LEAT_E_INVALID
                    }
                    return unsafe runner.classify(batch, sink)
                }
            )
        )
        return unsafe table
    }()
}
