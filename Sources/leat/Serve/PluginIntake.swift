import AdminAPI
import Catalog
import PluginHost

/// What an uploaded plugin must pass before it is kept: its manifest is read, its library looked over, nothing is run.
enum PluginIntake {
    static let vet: PluginVetting = { text, library throws(PluginRefusal) in
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest(parsing: text)
        } catch {
            throw PluginRefusal(code: error.code, message: "The manifest is not taken: \(error).")
        }
        do throws(PluginFileError) {
            _ = try PluginFile.vet(library, entry: manifest.entry)
        } catch {
            throw PluginRefusal(code: error.code, message: "The library is not taken: \(error).")
        }
        return VettedPlugin(id: manifest.id, version: manifest.version, kind: manifest.kind)
    }
}
