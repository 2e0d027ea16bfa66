import Foundation
import HTTPTypes
import Hummingbird
import TestSupport
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite(.timeLimit(.minutes(5))) struct DescriptionTests {
    @Test func `The routes and the description have the same operations`() async throws {
        try await RunningAPI.with { running in
            let router = Router()
            running.api.addOperations(to: router)
            let routes = router.routes.map { route in
                let path = "\(route.path)".split(separator: "/").map {
                    $0.hasPrefix(":") ? "{\($0.dropFirst())}" : "\($0)"
                }
                return "\(route.method.rawValue.lowercased()) /\(path.joined(separator: "/"))"
            }
            let described = (running.api.description["paths"]?.members ?? []).flatMap { path in
                (path.value.members ?? []).map { "\($0.key) \(path.key)" }
            }
            #expect(Set(routes) == Set(described))
            #expect(routes.count == described.count && routes.count == running.api.operations.count)
            #expect(Set(running.api.operations.map(\.id)).count == routes.count)
        }
    }

    @Test func `Everything that the description refers to is in it, and nothing else`() async throws {
        try await RunningAPI.with { running in
            let description = running.api.description
            var references: Set<String> = []
            func collect(_ document: Document) {
                if let reference = document["$ref"]?.string { references.insert(reference) }
                for member in document.members ?? [] { collect(member.value) }
                for element in document.elements ?? [] { collect(element) }
            }
            collect(description)
            let schemas = (description["components"]?["schemas"]?.members ?? []).map {
                "#/components/schemas/\($0.key)"
            }
            #expect(references == Set(schemas))
        }
    }

    @Test func `Nothing but the description is answered without a token`() async throws {
        try await RunningAPI.with { running in
            for operation in running.api.operations {
                let path = operation.path.replacing(/\{[a-z]+\}/, with: "abc")
                for token in [nil, "", "leat_guess", String(running.token.dropLast())] {
                    let answer = try await running.call(operation.method, path, token: .some(token))
                    guard operation.needsToken else {
                        #expect(answer.status == 200)
                        continue
                    }
                    #expect(answer.status == 401 && answer.code == "unauthorized")
                    #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
                }
            }
        }
    }

    @Test func `The page on configuration lists every call`() async throws {
        try await RunningAPI.with { running in
            let page = try String(contentsOf: PythonTool.top.appending(path: "docs/configuration.md"), encoding: .utf8)
            let listed = page.matches(of: /\n\| `([A-Z]+ \/[^`]*)` \|/).map { String($0.1) }
            #expect(listed.sorted() == running.api.operations.map { "\($0.method.rawValue) \($0.path)" }.sorted())
        }
    }

    /// The description as people's tools read it.
    @Test func `An OpenAPI validator finds the description valid`() async throws {
        try await RunningAPI.with { running in
            let folder = TemporaryFolder()
            let file = folder.path + "/openapi.json"
            let answer = try await running.call(.get, "/openapi.json", token: .some(nil))
            try Data(answer.text.utf8).write(to: URL(filePath: file))
            let python = try await PythonTool.environment("openapi", "openapi-spec-validator==0.9.0")
            let said = try await Program.run([python, "-m", "openapi_spec_validator", file])
            #expect(said.status == 0, "\(said.text)")
        }
    }
}

/// A tool from PyPI in a virtual environment of its own, made when it is not there.
enum PythonTool {
    struct Failure: Error, CustomStringConvertible { let description: String }

    static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The path of the environment's Python.
    static func environment(_ name: String, _ requirement: String) async throws -> String {
        let folder = top.appending(path: ".build/venvs/\(name)").path
        let stamp = folder + "/requirement"
        if (try? String(contentsOfFile: stamp, encoding: .utf8)) != requirement {
            for words in [
                ["python3", "-m", "venv", "--clear", folder],
                [folder + "/bin/pip", "install", "--quiet", "--disable-pip-version-check", requirement],
            ] {
                let said = try await Program.run(words)
                guard said.status == 0 else { throw Failure(description: "\(words) failed: \(said.text)") }
            }
            try requirement.write(toFile: stamp, atomically: true, encoding: .utf8)
        }
        return folder + "/bin/python"
    }
}
