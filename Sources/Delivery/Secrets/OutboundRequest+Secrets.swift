import EventModel

extension OutboundRequest {
    /// The request as it is sent, with its secrets in it, for one try and nobody to keep.
    func filled(from book: SecretBook) throws(SecretFault) -> OutboundRequest {
        guard let uses = secrets else { return self }
        var values: [String: (value: SecretValue, placement: SecretPlacement)] = [:]
        for name in uses.names {
            switch book.standing(of: name) {
            case .open(let value, _) where value.isPEM:
                throw .refused(.secret("the secret \"\(name)\" is a key as PEM, which no request may carry"))
            case .open(let value, let placement): values[name] = (value, placement)
            case .missing(let reason): throw .missing(reason)
            case .refused(let reason): throw .refused(.secret(reason))
            }
        }
        func text(_ name: String, _ form: SecretForm) -> [UInt8] { values[name].map { form.bytes(of: $0.value) } ?? [] }
        var filled = self
        for (token, name) in uses.inHead {
            let plain = String(decoding: text(name, .raw), as: UTF8.self)
            let encoded = String(decoding: text(name, .percent), as: UTF8.self)
            filled.url = filled.url.replacing(token, with: encoded)
            filled.headers = filled.headers.map { Header(name: $0.name, value: $0.value.replacing(token, with: plain)) }
        }
        if let name = uses.authorization, let (value, placement) = values[name] {
            filled.headers.removeAll { $0.name.lowercased() == placement.header.lowercased() }
            filled.headers.append(Header(name: placement.header, value: placement.text(of: value)))
        }
        if !uses.inBody.isEmpty {
            let form = SecretForm(forContentType: header("Content-Type") ?? "")
            var body: [UInt8] = []
            var end = 0
            for (range, name) in uses.inBody {
                body += self.body.dropFirst(end).prefix(range.lowerBound - end)
                body += text(name, form)
                end = range.upperBound
            }
            filled.body = (body + self.body.dropFirst(end))[...]
        }
        do throws(DeliveryError) {
            try filled.checkFilled(against: address)
        } catch {
            throw .refused(error)
        }
        return filled
    }

    /// A secret makes things longer, and nothing else may become of the request by it.
    private func checkFilled(against address: TargetAddress) throws(DeliveryError) {
        do throws(TargetProblem) {
            let now = try TargetAddress(url)
            guard now.scheme == address.scheme, now.host == address.host, now.port == address.port else {
                throw .host
            }
        } catch {
            throw .address(error)
        }
        for header in headers where RequestRules.problem(withHeader: header.name, value: header.value) != nil {
            throw .header(header.name)
        }
        guard body.count <= RequestRules.bodyBytes else { throw .body(bytes: body.count) }
    }

    private func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

extension SecretPlacement {
    fileprivate func text(of value: SecretValue) -> String {
        switch scheme {
        case .raw: String(decoding: SecretForm.raw.bytes(of: value), as: UTF8.self)
        case .bearer: "Bearer " + String(decoding: SecretForm.raw.bytes(of: value), as: UTF8.self)
        case .basic: "Basic " + String(decoding: SecretForm.base64.bytes(of: value), as: UTF8.self)
        }
    }
}
