import CLinux

/// How many files and connections this process may have open.
package enum OpenFiles {
    /// Takes all that the system leaves to it.
    ///
    /// Many systems begin with 1,024, which a few destinations that hang could use up with their connections, and nobody
    /// else could be answered or delivered to any more.
    ///
    /// - Returns: How many they are now; nil if that may not be changed.
    @discardableResult
    package static func raise() -> Int? {
        let count = leat_raise_open_files()
        return count < 0 ? nil : Int(count)
    }
}
