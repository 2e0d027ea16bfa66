-- What a connection wants of its source's events, conditions on single transformations, and what a source's events go
-- through before any connection's own.

ALTER TABLE leat.connection
    -- A JSON object with the members filter, sample and consent as a declaration has them.
    ADD COLUMN selection text NOT NULL DEFAULT '{}';

ALTER TABLE leat.connection_transformation
    -- NULL for every event.
    ADD COLUMN condition text;

CREATE TABLE leat.source_transformation (
    source_id bigint NOT NULL REFERENCES leat.source,
    position smallint NOT NULL CHECK (position >= 0),
    plugin_id text NOT NULL REFERENCES leat.plugin,
    version text,
    config text NOT NULL,
    condition text,
    PRIMARY KEY (source_id, position),
    FOREIGN KEY (plugin_id, version) REFERENCES leat.plugin_version (plugin_id, version)
);

-- How many of a lane's filtered and dropped events have which reason, as one JSON object; their sum is that of the two
-- columns, for what was counted since there are reasons.
ALTER TABLE leat.checkpoint ADD COLUMN reasons jsonb NOT NULL DEFAULT '{}';
ALTER TABLE leat.retired_lanes ADD COLUMN reasons jsonb NOT NULL DEFAULT '{}';
