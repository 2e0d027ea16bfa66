package import EventModel

/// Why a request that a connector built is not sent at all.
///
/// Such a request is the connector's fault or its configuration's, so trying again cannot help.
package enum DeliveryError: ClassifiedError, Equatable {
    /// The method is not one that a destination may be called with.
    case method
    /// The address is not an absolute `http` or `https` URL of plain characters.
    case address(TargetProblem)
    /// A header's name or value cannot be sent, or it is one that only the host may set.
    case header(String)
    /// The body is longer than a request may be.
    case body(bytes: Int)
    /// The request asks for a secret that it cannot be given, however long it waits; a sentence that says which, and what
    /// permits it.
    case secret(String)
    /// The plugin's manifest does not allow this address.
    case notPermitted(host: String)

    package var code: String {
        switch self {
        case .method: "request_method"
        case .address: "request_address"
        case .header: "request_header"
        case .body: "request_body"
        case .secret: "request_secret"
        case .notPermitted: "request_not_permitted"
        }
    }

    package var disposition: Disposition { .bury }

    package var description: String {
        switch self {
        case .method: "the request's method is none of \(RequestRules.methods.joined(separator: ", "))"
        case .address(let problem): "the request's address \(problem)"
        case .header(let name): "the request's header \(name) cannot be sent, or only the host may set it"
        case .body(let bytes): "the request's body of \(bytes) bytes is longer than \(RequestRules.bodyBytes)"
        case .secret(let reason): reason
        case .notPermitted(let host): "the plugin's manifest does not permit requests to \(host)"
        }
    }
}
