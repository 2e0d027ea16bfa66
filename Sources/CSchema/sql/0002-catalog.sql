-- The durable configuration. It is small and changes by hand, so its rows may be updated; every change takes the one
-- row of catalog_revision first, which puts all changes in one order and gives each a number.

CREATE TABLE leat.catalog_revision (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);
INSERT INTO leat.catalog_revision (revision) VALUES (0);

-- What is removed keeps its row, so that old counts and dead letters can still be named, and no id is ever given again.
CREATE TABLE leat.source (
    -- A partition's id holds the source's id in its upper 40 bits.
    source_id bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 549755813887) PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    enabled boolean NOT NULL,
    partitions smallint NOT NULL CHECK (partitions BETWEEN 1 AND 64),
    generation integer NOT NULL DEFAULT 0 CHECK (generation BETWEEN 0 AND 65535),
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
CREATE UNIQUE INDEX source_name ON leat.source (name) WHERE removed_at IS NULL;

CREATE TABLE leat.write_key (
    -- SHA-256; the key itself is kept nowhere.
    key_hash bytea PRIMARY KEY CHECK (length(key_hash) = 32),
    source_id bigint NOT NULL REFERENCES leat.source,
    hint text NOT NULL CHECK (length(hint) <= 4),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE leat.plugin_file (
    sha256 bytea PRIMARY KEY CHECK (length(sha256) = 32),
    bytes bytea NOT NULL
);
-- Machine code is read whole and packs badly.
ALTER TABLE leat.plugin_file ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE leat.plugin (
    plugin_id text PRIMARY KEY CHECK (plugin_id ~ '^[a-z0-9.-]{3,100}$'),
    kind text NOT NULL CHECK (kind IN ('transform', 'destination.request', 'destination.delivery', 'functions')),
    active_version text
);

CREATE TABLE leat.plugin_version (
    plugin_id text NOT NULL REFERENCES leat.plugin,
    version text NOT NULL,
    sha256 bytea NOT NULL REFERENCES leat.plugin_file,
    size bigint NOT NULL,
    manifest text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin_id, version)
);
ALTER TABLE leat.plugin
    ADD FOREIGN KEY (plugin_id, active_version) REFERENCES leat.plugin_version (plugin_id, version);

CREATE TABLE leat.destination (
    destination_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    connector text NOT NULL REFERENCES leat.plugin,
    -- NULL follows the plugin's active version.
    version text,
    config text NOT NULL,
    limits text NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    FOREIGN KEY (connector, version) REFERENCES leat.plugin_version (plugin_id, version)
);
CREATE UNIQUE INDEX destination_name ON leat.destination (name) WHERE removed_at IS NULL;

CREATE TABLE leat.connection (
    -- The consumer's id in the log.
    connection_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id bigint NOT NULL REFERENCES leat.source,
    destination_id bigint NOT NULL REFERENCES leat.destination,
    enabled boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
CREATE UNIQUE INDEX connection_ends ON leat.connection (source_id, destination_id) WHERE removed_at IS NULL;

CREATE TABLE leat.connection_transformation (
    connection_id bigint NOT NULL REFERENCES leat.connection,
    position smallint NOT NULL CHECK (position >= 0),
    plugin_id text NOT NULL REFERENCES leat.plugin,
    version text,
    config text NOT NULL,
    PRIMARY KEY (connection_id, position),
    FOREIGN KEY (plugin_id, version) REFERENCES leat.plugin_version (plugin_id, version)
);

CREATE TABLE leat.token (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE leat.audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    what text NOT NULL
);
