-- Generations: every change of the number of a source's partitions begins a new one, which has partitions of its own.
-- Error of our own: LE005 a partition is closed.

-- Set once, by the change that opens the next generation; a closed partition takes no more events. Appends lock the row,
-- so each either commits before or sees it.
ALTER TABLE leat.partition ADD COLUMN closed_at timestamptz;

CREATE TABLE leat.generation (
    source_id bigint NOT NULL REFERENCES leat.source,
    generation integer NOT NULL CHECK (generation BETWEEN 0 AND 65535),
    partitions smallint NOT NULL CHECK (partitions BETWEEN 1 AND 64),
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL while it is the one that takes events.
    closed_at timestamptz,
    -- By the partitions' numbers: the next offset, and the time of the last chunk.
    end_offsets bigint[],
    end_times timestamptz[],
    -- When its events had left the log and its lanes had come to their end: nothing but this row and the sums in
    -- retired_lanes is left of it.
    retired_at timestamptz,
    PRIMARY KEY (source_id, generation),
    CHECK (CASE WHEN closed_at IS NULL THEN retired_at IS NULL
        ELSE cardinality(end_offsets) = partitions AND cardinality(end_times) = partitions END)
);
CREATE UNIQUE INDEX generation_open ON leat.generation (source_id) WHERE closed_at IS NULL;

INSERT INTO leat.generation (source_id, generation, partitions, opened_at)
SELECT source_id, generation, partitions, created_at FROM leat.source;

-- What the lanes of a retired generation had counted, one row per consumer.
CREATE TABLE leat.retired_lanes (
    consumer_id bigint NOT NULL,
    source_id bigint NOT NULL,
    generation integer NOT NULL,
    -- Since the lanes began: accepted = read + expired.
    accepted bigint NOT NULL,
    expired bigint NOT NULL,
    read bigint NOT NULL,
    duplicates bigint NOT NULL,
    filtered bigint NOT NULL,
    dropped bigint NOT NULL,
    failed bigint NOT NULL,
    transformed bigint NOT NULL,
    emitted bigint NOT NULL,
    delivered bigint NOT NULL,
    dead_lettered bigint NOT NULL,
    CHECK (accepted = read + expired),
    CHECK (read = duplicates + filtered + dropped + failed + transformed),
    CHECK (emitted = delivered + dead_lettered),
    PRIMARY KEY (consumer_id, source_id, generation)
);
