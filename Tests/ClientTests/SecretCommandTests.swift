import Catalog
import EventModel
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct SecretCommandTests {
    @Test func `A secret is set from standard input, listed, permitted and removed, and never shown`() async throws {
        try await RunningServer.with { server in
            var said = ""
            func leat(_ words: String..., input: String = "") async throws -> Program.Ended {
                let ended = try await server.leat(words, input: input)
                said += ended.text
                return ended
            }
            let words = ["secret", "set", "crm-key", "--destination", "crm", "--as", "bearer"]
            let set = try await server.leat(words, input: "MARK-secret-value\n")
            #expect(set.status == 0, "\(set.text)")
            #expect(set.output == "The secret crm-key is set for destination crm.\nThere is no destination crm yet.\n")
            let secret = try #require(server.catalog.current.secret(named: "crm-key"))
            let value = server.catalog.vault.open(secret).map { $0.reveal { String(decoding: $0, as: UTF8.self) } }
            #expect(value == .success("MARK-secret-value"))
            let permitted = try await leat("secret", "permit", "crm-key", "--plugin", "leat.webhook")
            #expect(permitted.output == "The secret crm-key is for destination crm; plugin leat.webhook.\n")
            let kept = try await leat("secret", "set", "crm-key", "--keep-value", "--header", "X-Key", "--as", "raw")
            #expect(kept.status == 0, "\(kept.text)")
            let list = try await leat("secret", "list")
            #expect(list.output.contains("crm-key  destination crm; plugin leat.webhook  raw in X-Key  "))
            #expect(list.output.contains(" first  -        open\n"), "\(list.output)")
            let json = try await leat("secret", "list", "--json")
            #expect(try Document.json(json.output)["secrets"]?.elements?.count == 1)
            let short = try await leat("secret", "set", "crm-key", input: "MARK-12")
            #expect(short.status == 1 && short.errors.contains("is shorter than 8 bytes"))
            let long = try await leat("secret", "set", "crm-key", input: String(repeating: "MARK", count: 2000))
            #expect(long.status == 1 && long.errors.contains("is longer than 4096 bytes"))
            let lines = try await leat("secret", "set", "crm-key", input: "MARK-secret\nvalue\n")
            #expect(lines.status == 1 && lines.errors.contains("a line break"))
            // Never from the command line, where others see it.
            #expect(try await leat("secret", "set", "crm-key", "--any", "word-of-the-line").status == 2)
            #expect(try await leat("secret", "rotate-key").output.hasPrefix("0 secrets encrypted anew with the key "))
            #expect(try await leat("secret", "remove", "crm-key").output == "- secret crm-key\n")
            #expect(try await leat("secret", "list").output == "There are no secrets.\n")
            #expect(!said.contains("MARK"))
        }
    }

    /// A terminal of its own, and a person who types behind the question.
    private static let typist = """
        import os, pty, select, sys, termios, time
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(sys.argv[2], sys.argv[2:])
        seen, typed, end = b"", False, time.time() + 60
        while time.time() < end:
            if not select.select([fd], [], [], 1)[0]: continue
            try: piece = os.read(fd, 4096)
            except OSError: break
            if not piece: break
            seen += piece
            if not typed and b"not shown: " in seen:
                typed = True
                while termios.tcgetattr(fd)[3] & termios.ECHO and time.time() < end: time.sleep(0.01)
                os.write(fd, sys.argv[1].encode().decode("unicode_escape").encode())
        sys.stdout.write(seen.decode())
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """

    @Test func `A person types a secret at a question that does not show it, and can break off`() async throws {
        try await RunningServer.with { server in
            try server.write("type.py", Self.typist)
            func type(_ text: String) async throws -> Program.Ended {
                let words = ["secret", "set", "crm-key", "--any"]
                return try await Program.run(
                    ["/usr/bin/python3", "type.py", text, Program.built("leat")] + words,
                    environment: [
                        "LEAT_SERVER": server.address, "LEAT_TOKEN": server.token, "HOME": server.folder,
                        "PATH": "/usr/bin:/bin",
                    ],
                    in: server.folder
                )
            }
            let broken = try await type("MARK-sec\\x03")
            #expect(broken.status == 1 && broken.output.contains("Nothing was set."), "\(broken.text)")
            #expect(server.catalog.current.secrets.isEmpty)
            let set = try await type("MARK-secret-value\\r")
            #expect(set.status == 0, "\(set.text)")
            #expect(set.output.contains("The secret crm-key is set for any destination."))
            #expect(!(broken.text + set.text).contains("MARK"))
            let secret = try #require(server.catalog.current.secret(named: "crm-key"))
            let value = server.catalog.vault.open(secret).map { $0.reveal { String(decoding: $0, as: UTF8.self) } }
            #expect(value == .success("MARK-secret-value"))
        }
    }
}
