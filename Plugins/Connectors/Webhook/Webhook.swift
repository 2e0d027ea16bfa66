import LeatSDK

/// Sends each event, or several together, as JSON to one address.
struct Webhook: Connector {
    private let settings: WebhookSettings

    init(configuration: Configuration) throws {
        settings = try WebhookSettings(configuration)
    }

    mutating func requests(for batch: inout Batch, into sink: inout RequestSink) throws {
        for group in batch.groups(of: settings.eventsPerRequest) {
            sink.send(request(for: group, of: batch), carrying: group)
        }
    }

    private func request(for group: Range<Int>, of batch: borrowing Batch) -> Request {
        var request = Request(settings.method, url: settings.url)
        request.headers = settings.headers
        request.secret = settings.secret
        request.timeoutMilliseconds = settings.timeoutMilliseconds
        if settings.eventsPerRequest == 1 {
            let key = batch.idempotencyKey(group.lowerBound)
            request.json = batch.json(group.lowerBound)
            request.idempotencyKey = key
            if let header = settings.idempotencyHeader { request.headers.append((header, key)) }
        } else {
            request.json = array(of: group, of: batch)
        }
        return request
    }

    private func array(of group: Range<Int>, of batch: borrowing Batch) -> [UInt8] {
        var body: [UInt8] = [UInt8(ascii: "[")]
        for index in group {
            if index > group.lowerBound { body.append(UInt8(ascii: ",")) }
            batch.appendJSON(index, to: &body)
        }
        body.append(UInt8(ascii: "]"))
        return body
    }
}

/// Where the server begins.
@c(leat_plugin_entry_v1)
public func entry(_ host: UnsafeRawPointer?) -> UnsafeRawPointer? {
    Plugin.export(Webhook.self, id: "leat.webhook", version: "1.0.0", to: host)
}
