package import EventModel

/// Lets people watch what passes on this node.
package struct TailDesk: Sendable {
    /// Gives the next page of what is seen; nil when there is nothing more.
    ///
    /// Whoever watches is gone when nobody has this any more.
    package typealias Watch = @Sendable () async -> TailPage?

    /// Which node this is.
    package let node: String
    /// What becomes of a wish to watch.
    package enum Answer: Sendable {
        case watching(Watch)
        /// So many watch that nobody more may.
        case tooMany
        /// The wish's condition is wrong, for this reason.
        case refused(String)
    }

    package let watch: @Sendable (TailWish) -> Answer

    package init(node: String, watch: @escaping @Sendable (TailWish) -> Answer) {
        self.node = node
        self.watch = watch
    }
}
