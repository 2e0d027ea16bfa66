-- Secrets, encrypted with a key that is never in the database. Programs that do not know this step would send references
-- to secrets as they stand, so they may not go on.
CREATE TABLE leat.secret (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    -- AES-256-GCM: a nonce of 12 bytes, the ciphertext, a tag of 16. The name, where it may go and how it stands in a
    -- request are authenticated with it, so that changing a row by hand opens nothing.
    sealed bytea NOT NULL CHECK (length(sealed) BETWEEN 36 AND 4124),
    -- The first 8 bytes of the SHA-256 of the key.
    key_id text NOT NULL CHECK (key_id ~ '^[0-9a-f]{16}$'),
    -- Where it may go: to these destinations, by name, and through these connectors; or everywhere.
    destinations text[] NOT NULL,
    plugins text[] NOT NULL,
    is_for_any boolean NOT NULL,
    scheme text NOT NULL CHECK (scheme IN ('raw', 'bearer', 'basic')),
    header text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When its value was set last.
    rotated_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL,
    CHECK (is_for_any = (destinations = '{}' AND plugins = '{}'))
);
