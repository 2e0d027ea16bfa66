extension Sender {
    /// Sends a request that a plugin makes for itself, once, with its secrets in it.
    ///
    /// What keeps it from being sent is an answer too. Secrets are masked in what comes back.
    package func fetch(_ request: OutboundRequest, with secrets: HeldSecrets, bodyBytes: Int) async -> Exchange {
        do throws(SecretFault) {
            let filled = try request.filled(from: secrets.book)
            return await send(
                filled,
                attempt: 1,
                mask: secrets.mask,
                isKept: true,
                bodyBytes: bodyBytes
            )
        } catch {
            let attempt = Self.unsent(.secret, because: error.words, attempt: 1)
            return Exchange(attempt: attempt, answer: Answer(attempt.result))
        }
    }
}

extension SecretFault {
    fileprivate var words: String {
        switch self {
        case .missing(let reason): reason
        case .refused(let error): error.description
        }
    }
}
