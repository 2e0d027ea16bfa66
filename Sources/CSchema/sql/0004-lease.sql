-- Nodes that people can name, whose signs of life the others count, and those that shall run no lanes.

ALTER TABLE leat.node
    -- What people call it; several nodes may have the same name.
    ADD COLUMN name text NOT NULL DEFAULT '',
    -- Of the program that runs.
    ADD COLUMN version text NOT NULL DEFAULT '',
    -- Grows with each sign of life. Others hold a node for silent when it stands still by their own clocks, so that no
    -- clock of the database's has a say.
    ADD COLUMN beats bigint NOT NULL DEFAULT 0,
    -- Whether it runs lanes, or will as soon as it has partitions.
    ADD COLUMN serves boolean NOT NULL DEFAULT false,
    -- When others held it for silent. It holds no lease from then on, and enters again under a new number.
    ADD COLUMN ended_at timestamptz;

-- The nodes that run no lanes until somebody undoes it, by identity, so that a restart changes nothing.
CREATE TABLE leat.drain (
    identity text PRIMARY KEY,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL
);
