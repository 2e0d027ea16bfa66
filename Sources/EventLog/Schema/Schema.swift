import CSchema

/// One numbered step of the database's schema.
struct SchemaStep: Sendable {
    let version: Int
    let name: String
    let sql: String
    /// Of the text, so that a step that was taken in another form is seen.
    var digest: String { EventHash.message(sql).hexadecimal }

    /// All steps, in order.
    static let all: [SchemaStep] = (0..<leat_migration_count).compactMap { index in
        guard let step = unsafe leat_migration_at(index) else { return nil }
        return unsafe SchemaStep(
            version: Int(step.pointee.version),
            name: String(cString: step.pointee.name),
            sql: String(cString: step.pointee.sql)
        )
    }
}

/// The functions and views upon the tables, as one script.
enum SchemaRoutines {
    static let sql: String = {
        var texts: [String] = []
        while let text = unsafe leat_routines_at(Int32(texts.count)) { texts.append(unsafe String(cString: text)) }
        return texts.joined(separator: "\n")
    }()

    static let digest = EventHash.message(sql).hexadecimal

    /// Takes away all that there is, whichever program made it.
    static let removal = """
        DO $$
        DECLARE
            name text;
        BEGIN
            FOR name IN SELECT c.oid::regclass FROM pg_class c
                WHERE c.relnamespace = 'leat'::regnamespace AND c.relkind = 'v'
            LOOP
                EXECUTE 'DROP VIEW IF EXISTS ' || name || ' CASCADE';
            END LOOP;
            FOR name IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'leat'::regnamespace LOOP
                EXECUTE 'DROP ROUTINE IF EXISTS ' || name || ' CASCADE';
            END LOOP;
        END
        $$;
        """
}

extension MessageHash {
    /// 32 digits.
    fileprivate var hexadecimal: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
