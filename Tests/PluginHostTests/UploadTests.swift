import EventModel
import Foundation
import PluginHost
import TestSupport
import Testing

@Suite struct PluginFileTests {
    private static let entry = "leat_plugin_entry_v1"

    private static func file(_ name: String = "events", _ definition: String? = nil) async throws -> [UInt8] {
        let library =
            if let definition {
                try await PluginFixture.library(name, definition)
            } else {
                try await PluginFixture.library(name)
            }
        return [UInt8](try Data(contentsOf: library))
    }

    private static func code(_ bytes: [UInt8], entry: String = entry) -> String {
        do throws(PluginFileError) {
            _ = try PluginFile.vet(bytes, entry: entry)
            return "taken"
        } catch {
            #expect(!error.description.isEmpty)
            return error.code
        }
    }

    @Test func `A library with its entry is taken`() async throws {
        #expect(try await PluginFile.vet(Self.file(), entry: Self.entry).needed == ["libc.so.6"])
    }

    @Test func `What is no library for this machine is refused with the reason`() async throws {
        let good = try await Self.file()
        #expect(Self.code([]) == "not_elf")
        #expect(Self.code([0x7F]) == "not_elf")
        #expect(Self.code(Array("#!/bin/sh\nexit 0\n".utf8)) == "not_elf")
        #expect(Self.code(Array("\u{89}PNG\r\n".utf8)) == "not_elf")
        for length in [16, 63, 64, 500, 4096, 8192, 12_000] where length < good.count {
            #expect(Self.code(Array(good[..<length])) == "truncated", "\(length) bytes")
        }
        func changed(_ change: (inout [UInt8]) -> Void) -> String {
            var bytes = good
            change(&bytes)
            return Self.code(bytes)
        }
        #expect(changed { $0[4] = 1 } == "wrong_class")
        #expect(changed { $0[5] = 2 } == "wrong_byte_order")
        #expect(changed { $0[18] = 40 } == "wrong_arch")
        #expect(changed { $0[16] = 2 } == "not_shared_object")
        #expect(changed { $0[56] = 0xFF } == "damaged")
    }

    @Test func `A library without a function of its own as entry is refused`() async throws {
        #expect(try await Self.code(Self.file("load", "FAULT_NO_ENTRY")) == "no_entry")
        #expect(try await Self.code(Self.file("load", "FAULT_ENTRY_IS_DATA")) == "entry_is_no_function")
        // It is there, but it belongs to another library.
        #expect(try await Self.code(Self.file(), entry: "memcpy") != "taken")
    }

    @Test func `Whatever the bytes are, looking through them ends`() async throws {
        let good = try await Self.file()
        var dice = SplitMix(seed: 15)
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = good
            for _ in 0..<Int(dice.next() % 6 + 1) {
                // The head and the tables at the start are where a reader could go astray.
                let reach = dice.next() % 4 == 0 ? bytes.count : min(2_048, bytes.count)
                bytes[Int(dice.next() % UInt64(reach))] = UInt8(truncatingIfNeeded: dice.next())
            }
            if dice.next() % 8 == 0 { bytes.removeLast(Int(dice.next() % UInt64(bytes.count))) }
            if Self.code(bytes) != "taken" { refused += 1 }
        }
        #expect(refused > 200)
    }
}

@Suite struct ManifestTests {
    private static let good = """
        {"id":"com.example.mask-email","version":"1.2.0-rc.1","kind":"transform","abi":{"major":1,"minor_min":0},
         "limits":{"wall_ms":1000,"memory_mib":64},"permissions":{"http":["https://api.example.com/v1"]},
         "config_schema":{"type":"object","maximum":1.50},"x-note":"anything"}
        """

    private static func problems(_ text: String) -> [String] {
        do throws(ManifestError) {
            _ = try Manifest(parsing: Array(text.utf8))
            return []
        } catch {
            return error.problems.map(\.path)
        }
    }

    @Test func `A manifest says what the plugin is`() throws {
        let manifest = try Manifest(parsing: Array(Self.good.utf8))
        #expect(manifest.id == "com.example.mask-email")
        #expect(manifest.version == "1.2.0-rc.1")
        #expect(manifest.kind == .transform)
        #expect(manifest.entry == "leat_plugin_entry_v1")
        #expect(manifest.limits.wallMilliseconds == 1000)
        #expect(manifest.httpPermissions == ["https://api.example.com/v1"])
        #expect(manifest.configSchema == #"{"type":"object","maximum":1.50}"#)
    }

    @Test func `Every mistake is named at once, with its place`() {
        let text = """
            {"id":"Bad Id","version":"1.2","kind":"magic","abi":{"major":2,"minimum":1},"limits":{"wall_ms":"2 s"},
             "determinism":"mostly","colour":"red","permissions":{"http":["everything"]},"config_schema":[]}
            """
        let expected = [
            "colour", "id", "version", "kind", "abi.minimum", "abi", "determinism", "limits.wall_ms",
            "permissions.http", "config_schema",
        ]
        #expect(Self.problems(text).sorted() == expected.sorted())
    }

    @Test func `A schema with words that the server does not check is refused, and names them`() {
        let text = """
            {"id":"a.b.c","version":"1.0.0","kind":"transform","abi":{"major":1},
             "config_schema":{"properties":{"a":{"pattern":"^x"}},"anyOf":[]}}
            """
        #expect(Self.problems(text) == ["config_schema.properties.a.pattern", "config_schema.anyOf"])
    }

    @Test func `Keys that stand twice, missing keys and what is no object are refused`() {
        let twice = #"{"id":"a.b.c","id":"a.b.d","version":"1.0.0","kind":"transform","abi":{"major":1}}"#
        #expect(Self.problems(twice) == ["id"])
        #expect(Self.problems("{}").sorted() == ["abi", "id", "kind", "version"])
        #expect(Self.problems("[]").contains(""))
        #expect(Self.problems("{nonsense") == [""])
        #expect(Self.problems(#"{"id":""# + String(repeating: "a", count: 70_000) + "\"}") == [""])
    }
}
