import Catalog
import HTTPTypes

extension AdminAPI {
    var declarationOperations: [Operation] { [applyDeclaration, exportDeclaration] }

    private var applyDeclaration: Operation {
        Operation(
            method: .post,
            path: "/apply",
            id: "applyDeclaration",
            group: "declaration",
            summary: "Makes the configuration what the declaration says, in one transaction, or changes nothing.",
            queries: [
                .init(
                    name: "dryRun",
                    schema: Schemas.flag(default: false),
                    meaning: "Only say what would change; plugins that give their kind may still be missing."
                ),
                .init(
                    name: "prune",
                    schema: Schemas.flag(default: false),
                    meaning: "Remove what the declaration's sections do not name."
                ),
            ],
            body: Operation.Content(types: [
                ("application/json", Schemas.reference("Declaration")),
                ("application/yaml", Schemas.reference("Declaration")),
            ]),
            answers: [.ok("What changed, or would change.", Schemas.reference("Applied"))],
            refusals: [.badRequest, .contentTooLarge, .unprocessableContent]
        ) { call in
            let dryRun = try call.flag("dryRun") ?? false
            let prune = try call.flag("prune") ?? false
            let (declaration, problems) = Declaration.read(try await call.document())
            guard problems.isEmpty else { throw APIError.refused(problems) }
            return .json(
                try await catalog.apply(declaration, prune: prune, dryRun: dryRun, by: call.who).document
            )
        }
    }

    private var exportDeclaration: Operation {
        Operation(
            method: .get,
            path: "/export",
            id: "exportDeclaration",
            group: "declaration",
            summary: "Gives the configuration as a declaration that changes nothing when it is applied; never a key.",
            queries: [
                .init(
                    name: "format",
                    schema: ["type": "string", "enum": ["yaml", "json"], "default": "yaml"],
                    meaning: "In which form."
                )
            ],
            answers: [
                Operation.Answer(
                    status: .ok,
                    meaning: "The declaration.",
                    content: Operation.Content(types: [
                        ("application/yaml", Schemas.reference("Declaration")),
                        ("application/json", Schemas.reference("Declaration")),
                    ])
                )
            ],
            refusals: [.badRequest]
        ) { call in
            let document = Declaration(exporting: catalog.current).document
            switch call.query("format") ?? "yaml" {
            case "yaml": return .yaml(document.yaml)
            case "json": return .json(document)
            default: throw APIError.invalid("The query parameter format must be yaml or json.")
            }
        }
    }
}
