import EventModel

extension Planner {
    /// Every secret that a destination refers to must be there, for it and, in its configuration, for its connector.
    mutating func checkSecrets(of destination: DeclaredDestination, at config: Place) {
        for reference in destination.transport.secrets {
            let place = Place(
                path: "\(destination.place.path).transport.\(reference.path)",
                line: destination.place.line
            )
            // The connector never sees it, so its manifest has no say.
            if let message = problem(with: reference.name, of: destination, nil) {
                problems.append(Problem(place, message))
            }
        }
        let manifest = version(of: destination.connector).known?.manifest
        for reference in SecretReference.all(in: destination.config, manifest: manifest) {
            let place = Place(path: "\(config.path).\(reference.path)", line: config.line)
            if let message = problem(with: reference.name, of: destination, manifest) {
                problems.append(Problem(place, message))
            }
        }
    }

    private func problem(
        with name: String,
        of destination: DeclaredDestination,
        _ manifest: String?
    ) -> String? {
        if let problem = StoredSecret.problem(withName: name) { return "the name of the secret \(problem)" }
        let connector = destination.connector.id
        if let manifest, !SecretPermissions(manifest: manifest).permit(name) {
            return SecretPermissions.refusal(name, to: connector)
        }
        guard let secret = snapshot.secret(named: name) else {
            let command = "leat secret set \(name) --destination \(destination.name)"
            return "there is no secret \"\(name)\"; set it first: \(command)"
        }
        guard secret.scope.admits(destination: destination.name, connector: connector) else {
            return secret.refusal(to: destination.name)
        }
        return nil
    }

    /// A transformation gets no secrets: it sends nothing.
    mutating func refuseSecrets(in config: String, at place: Place) {
        for reference in SecretReference.all(in: config, manifest: nil) {
            let path = Place(path: "\(place.path).\(reference.path)", line: place.line)
            problems.append(Problem(path, "refers to a secret; only a destination's configuration may"))
        }
    }
}

extension StoredSecret {
    /// Why a destination outside its scope does not get it, and what would permit it.
    package func refusal(to destination: String) -> String {
        "the secret \"\(name)\" is for \(scope.words) and not for the destination \"\(destination)\"; "
            + "leat secret permit \(name) --destination \(destination) permits it"
    }
}

extension CatalogSnapshot {
    /// The secrets that a destination's configuration refers to.
    package func secrets(of destination: Destination) -> [SecretReference] {
        SecretReference.all(in: destination.config, manifest: plugin(destination.connector)?.manifest)
    }

    /// The destinations whose configuration or transport refers to a secret, by age.
    package func destinations(referringTo secret: String) -> [Destination] {
        destinations.filter { destination in
            (secrets(of: destination) + destination.transport.secrets).contains { $0.name == secret }
        }
    }
}
