import CSchema

/// One numbered step of the database's schema.
struct SchemaStep: Sendable {
    let version: Int
    let name: String
    let sql: String
    /// Whether programs that do not know the step can go on while it is taken, and after it.
    let keepsOlder: Bool
    /// Of the text, so that a step that was taken in another form is seen.
    var digest: String { EventHash.message(sql).hexadecimal }

    /// All steps, in order.
    static let all: [SchemaStep] = (0..<leat_migration_count).compactMap { index in
        guard let step = unsafe leat_migration_at(index) else { return nil }
        return unsafe SchemaStep(
            version: Int(step.pointee.version),
            name: String(cString: step.pointee.name),
            sql: String(cString: step.pointee.sql),
            keepsOlder: step.pointee.keeps_older
        )
    }
}

/// The functions and views upon the tables, as one script.
struct SchemaRoutines: Sendable {
    let sql: String
    /// Grows when an older program could not work with them any more.
    let level: Int
    var digest: String { EventHash.message(sql).hexadecimal }

    static let own: SchemaRoutines = {
        var texts: [String] = []
        while let text = unsafe leat_routines_at(Int32(texts.count)) { texts.append(unsafe String(cString: text)) }
        return SchemaRoutines(sql: texts.joined(separator: "\n"), level: Int(leat_routines_level))
    }()

    /// Takes away all that there is, whichever program made it, and makes these.
    var anew: String { Self.remember + Self.removal(of: "'v', 'routine'") + sql + Self.grant }

    /// Makes these and leaves what other programs have made in another form.
    var besideOthers: String {
        var script = Self.remember + Self.removal(of: "'v'")
        for line in sql.split(separator: "\n", omittingEmptySubsequences: false) {
            let kind = ["FUNCTION", "PROCEDURE"].first { line.hasPrefix("CREATE \($0) ") }
            script += kind == nil ? line : "CREATE OR REPLACE" + line.dropFirst("CREATE".count)
            script += "\n"
        }
        return script + Self.grant
    }

    /// What others were allowed on the views, to be allowed again on those that take their place.
    private static let remember = """
        CREATE TEMPORARY TABLE leat_grant ON COMMIT DROP AS
        SELECT c.relname, a.privilege_type,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class c, aclexplode(c.relacl) AS a
        WHERE c.relnamespace = 'leat'::regnamespace AND c.relkind = 'v' AND a.grantee <> c.relowner;

        """
    private static let grant = """

        DO $$
        DECLARE
            it record;
        BEGIN
            FOR it IN SELECT g.* FROM leat_grant g WHERE to_regclass(format('leat.%I', g.relname)) IS NOT NULL LOOP
                EXECUTE format('GRANT %s ON leat.%I TO %s', it.privilege_type, it.relname, it.grantee);
            END LOOP;
        END
        $$;
        """

    private static func removal(of kinds: String) -> String {
        """
        DO $$
        DECLARE
            -- All names before the first goes: one may take others along, which have no name then.
            views text[] := ARRAY (
                SELECT c.oid::regclass::text FROM pg_class c
                WHERE c.relnamespace = 'leat'::regnamespace AND c.relkind = 'v'
            );
            routines text[] := ARRAY (
                SELECT p.oid::regprocedure::text FROM pg_proc p
                WHERE p.pronamespace = 'leat'::regnamespace AND 'routine' IN (\(kinds))
            );
            name text;
        BEGIN
            FOREACH name IN ARRAY views LOOP
                EXECUTE 'DROP VIEW IF EXISTS ' || name || ' CASCADE';
            END LOOP;
            FOREACH name IN ARRAY routines LOOP
                EXECUTE 'DROP ROUTINE IF EXISTS ' || name || ' CASCADE';
            END LOOP;
        END
        $$;

        """
    }
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
