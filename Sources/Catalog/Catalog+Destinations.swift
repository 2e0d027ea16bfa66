package import EventModel

/// What is done with a destination besides declaring it.
extension Catalog {
    /// Changes single limits; a key with nothing as its value gets its standard, which for some is no limit.
    ///
    /// - Throws: `missing`, or `refused` with every problem.
    package func limitDestination(
        named name: String,
        _ wish: Document,
        by who: String
    ) async throws(CatalogError) -> Applied {
        try await change(by: who) { snapshot throws(CatalogError) in
            let destination = try Self.destination(named: name, in: snapshot)
            guard let wishes = wish.members else {
                throw .refused([Problem(Place(line: wish.line), "must be a mapping, but is \(wish.kind)")])
            }
            var members = destination.limits.document.members ?? []
            for wish in wishes {
                members.removeAll { $0.key == wish.key }
                members.append(wish)
            }
            var problems: [Problem] = []
            let limits = DestinationLimits(reading: Document(.object(members)), at: "", &problems)
            guard problems.isEmpty else { throw .refused(problems) }
            let differences = Differences.between(destination.limits, limits)
            if differences.isEmpty { return [] }
            return [.limitDestination(destination.id, name: name, limits, differences: differences)]
        }
    }

    /// Lets a destination's lanes stand still, also if it is drained now.
    ///
    /// What is paused already stays as it is, unless another reason is given. `who` is ``DestinationState/server`` where no
    /// person does it.
    ///
    /// - Throws: `missing`, or `refused` for a reason that is too long or not one line.
    package func pauseDestination(
        _ id: DestinationID,
        reason: String,
        by who: String
    ) async throws(CatalogError) -> Applied {
        try Self.check(reason)
        return try await change(by: who) { snapshot throws(CatalogError) in
            let destination = try Self.destination(id, in: snapshot)
            if case .paused(let halt) = destination.state {
                // What a person said is not overwritten by a server, nor what one server said by the next.
                if reason.isEmpty || halt.reason == reason || who == DestinationState.server { return [] }
            }
            return [.pauseDestination(id, name: destination.name, reason: reason, by: who)]
        }
    }

    /// Lets everything be delivered that was accepted until now, and nothing that comes later.
    ///
    /// One that is drained already keeps its bound.
    package func drainDestination(
        _ id: DestinationID,
        reason: String,
        by who: String
    ) async throws(CatalogError) -> Applied {
        try Self.check(reason)
        return try await change(by: who) { snapshot throws(CatalogError) in
            let destination = try Self.destination(id, in: snapshot)
            if case .draining = destination.state { return [] }
            return [.drainDestination(id, name: destination.name, reason: reason, by: who)]
        }
    }

    /// Ends a pause or a drain.
    package func resumeDestination(_ id: DestinationID, by who: String) async throws(CatalogError) -> Applied {
        try await change(by: who) { snapshot throws(CatalogError) in
            let destination = try Self.destination(id, in: snapshot)
            return destination.state == .running ? [] : [.resumeDestination(id, name: destination.name)]
        }
    }

    private static func destination(
        _ id: DestinationID,
        in snapshot: CatalogSnapshot
    ) throws(CatalogError) -> Destination {
        guard let destination = snapshot.destination(id) else {
            throw .missing(noun: "destination", name: "\(id)")
        }
        return destination
    }

    private static func destination(
        named name: String,
        in snapshot: CatalogSnapshot
    ) throws(CatalogError) -> Destination {
        guard let destination = snapshot.destination(named: name) else {
            throw .missing(noun: "destination", name: name)
        }
        return destination
    }

    private static func check(_ reason: String) throws(CatalogError) {
        let limit = DestinationState.maximumReasonBytes
        guard reason.utf8.count > limit || reason.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 })
        else { return }
        throw .refused([Problem(Place(path: "reason"), "must be one line of at most \(limit) bytes")])
    }
}
