package import WorkerProtocol

extension PluginVerdict {
    /// The parts as text, or nil for another verdict.
    package var texts: [String]? {
        guard case .emit(let parts) = self else { return nil }
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The code of a failure, or nil for another verdict.
    package var failureCode: String? {
        guard case .fail(let code, _, _) = self else { return nil }
        return code
    }
}
