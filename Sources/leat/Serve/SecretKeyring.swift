import Catalog
import Foundation
import Logging
import Sandbox

/// Where a server finds the keys that its secrets are encrypted with.
enum SecretKeyring {
    /// The name of the file that is made beside a private database.
    static let fileName = "secret-key"
    /// - Unit: bytes.
    private static let longestFile = 64 * 1024

    /// The keys that the operator gave; beside a private database those of the data folder, made at the first start.
    ///
    /// - Returns: nil where the database is the operator's and no key is: then no secret can be set.
    /// - Throws: `RuntimeError` that says what is wrong with the keys, and never repeats them.
    static func load(
        _ settings: ServeSettings,
        beside data: String,
        _ account: Account?,
        _ logger: Logger
    ) throws -> SecretKeys? {
        if let text = settings.secretKey { return try parse(text, "LEAT_SECRET_KEY") }
        if let path = settings.secretKeyFile { return try read(path, logger) }
        guard settings.databaseURL == nil else { return nil }
        let path = data + "/" + fileName
        if !FileManager.default.fileExists(atPath: path) {
            try make(path, account)
            logger.notice(
                "A key for secrets was made. Keep a copy of the file in a safe place: no backup of the database opens them without it.",
                metadata: ["secret.key_file": "\(path)"]
            )
        }
        return try read(path, logger)
    }

    private static func make(_ path: String, _ account: Account?) throws {
        do {
            // The folder is closed to everybody else, so nobody sees the file before it is.
            try Data((SecretKeys.generate() + "\n").utf8).write(to: URL(filePath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            try account?.own(path)
        } catch {
            throw RuntimeError("The key file \(path) cannot be made: \(error)")
        }
    }

    private static func read(_ path: String, _ logger: Logger) throws -> SecretKeys {
        let files = FileManager.default
        guard let found = try? files.attributesOfItem(atPath: path), let bytes = files.contents(atPath: path) else {
            throw RuntimeError("The key file \(path) cannot be read. Without it no secret can be opened.")
        }
        guard bytes.count <= longestFile else { throw RuntimeError("The key file \(path) is longer than any can be.") }
        if let rights = found[.posixPermissions] as? NSNumber, rights.intValue & 0o007 != 0 {
            logger.warning(
                "Everybody on this machine may read the key file; close it with chmod o= FILE.",
                metadata: ["secret.key_file": "\(path)"]
            )
        }
        return try parse(String(decoding: bytes, as: UTF8.self), "The key file \(path)")
    }

    private static func parse(_ text: String, _ place: String) throws -> SecretKeys {
        do throws(SecretKeyProblem) {
            return try SecretKeys(parsing: text)
        } catch {
            throw RuntimeError("\(place) \(error). Make a key with openssl rand -base64 32.")
        }
    }
}
