import CLeatPlugin
import EventJSON

/// Words for the operator, in the server's log and beside the plugin's own page.
///
/// Say in a fixed sentence what happened, and put what changes into the fields. The host keeps 128 records of a batch and
/// counts the others, so do not log for each event.
///
/// ```swift
/// Log.warning("The price table is old", ["table": .string(name), "age_days": 12])
/// ```
public enum Log {
    /// For whoever looks for a fault in the plugin.
    public static func debug(_ message: String, _ fields: KeyValuePairs<String, Value> = [:]) {
        write(LEAT_LOG_DEBUG, message, fields)
    }

    /// For whoever wants to know that all is well.
    public static func info(_ message: String, _ fields: KeyValuePairs<String, Value> = [:]) {
        write(LEAT_LOG_INFO, message, fields)
    }

    /// For whoever should look at it some day.
    public static func warning(_ message: String, _ fields: KeyValuePairs<String, Value> = [:]) {
        write(LEAT_LOG_WARNING, message, fields)
    }

    /// For whoever must do something about it.
    public static func error(_ message: String, _ fields: KeyValuePairs<String, Value> = [:]) {
        write(LEAT_LOG_ERROR, message, fields)
    }

    private static func write(_ level: Int32, _ message: String, _ fields: KeyValuePairs<String, Value>) {
        guard let log = unsafe Host.tables.log else { return }
        var json: [UInt8] = []
        if !fields.isEmpty {
            let nothing = JSONTape()
            for field in fields {
                json.append(UInt8(ascii: json.isEmpty ? "{" : ","))
                json.appendJSON(field.key)
                json.append(UInt8(ascii: ":"))
                json.appendJSON(field.value.json, in: nothing)
            }
            json.append(UInt8(ascii: "}"))
        }
        unsafe message.withSlice { message in
            unsafe json.withUnsafeBufferPointer { fields in
                unsafe log.pointee.write(Host.tables.context, level, message, leat_slice(fields))
            }
        }
    }
}
