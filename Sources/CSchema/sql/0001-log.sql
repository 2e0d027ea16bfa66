-- The log: events as chunks in partitions, the progress of those who read it, and who may read what.
--
-- No row that is written often is ever updated: positions are appended and the latest counts, locks are taken on rows
-- that stay as they are. Tables that grow come in slices of time that are dropped whole.
-- Errors of our own: LE001 a lease was lost, LE002 a partition does not exist, LE003 a node is not alive, LE004 a lane's
-- consumer was removed.

-- One row per partition, made with its source and never changed: appends lock it, so offsets come in commit order.
CREATE TABLE leat.partition (
    partition_id bigint PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Consecutive events of one partition. slice_time grows strictly with the offset, whatever clocks do.
CREATE TABLE leat.chunk (
    partition_id bigint NOT NULL,
    slice_time timestamptz NOT NULL,
    first_offset bigint NOT NULL CHECK (first_offset >= 0),
    -- 0 in the chunk that carries a quiet partition's next offset over the end of its last slice.
    event_count integer NOT NULL CHECK (event_count >= 0),
    -- The bodies' length before compression.
    byte_count integer NOT NULL CHECK (byte_count >= 0),
    -- 0 none, 1 lz4, 2 zstd.
    codec smallint NOT NULL,
    -- Head, directory, bodies: see the page on the chunk's format.
    payload bytea NOT NULL,
    PRIMARY KEY (partition_id, slice_time, first_offset)
) PARTITION BY RANGE (slice_time);
-- Compressed already, and read by prefix.
ALTER TABLE leat.chunk ALTER COLUMN payload SET STORAGE EXTERNAL;

-- The progress of lanes; the latest row of a lane counts. written_at and commit_number grow strictly within a lane. A
-- lane has its first row from the moment its consumer is made, and none once the consumer is removed.
CREATE TABLE leat.checkpoint (
    partition_id bigint NOT NULL,
    consumer_id bigint NOT NULL,
    written_at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    -- 0 in the lane's first row; a number that is not above the latest was committed before.
    commit_number bigint NOT NULL,
    -- Where the lane began; constant.
    start_offset bigint NOT NULL,
    -- Everything below is settled.
    next_offset bigint NOT NULL CHECK (next_offset >= start_offset),
    -- The time of the chunk that holds next_offset, or of the last one before it.
    slice_time timestamptz NOT NULL,
    -- Bit i stands for next_offset + i.
    settled bytea NOT NULL,
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
    waiting bigint NOT NULL,
    CHECK (read = duplicates + filtered + dropped + failed + transformed),
    CHECK (emitted = delivered + dead_lettered + waiting),
    PRIMARY KEY (partition_id, consumer_id, written_at)
) PARTITION BY RANGE (written_at);

-- A running program; a restart on the same data directory has the same identity and a new number.
CREATE TABLE leat.node (
    node_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL UNIQUE,
    address text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- The right to run a partition's lanes. A commit in flight holds the row FOR UPDATE: a take-over waits for it, and so
-- does the same commit when it is sent again because its answer was lost.
CREATE TABLE leat.lease (
    partition_id bigint PRIMARY KEY,
    epoch bigint NOT NULL,
    -- NULL when released.
    node_id bigint,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events, or parts of them, that failed while others succeed. Those without a payload wait behind an earlier one of
-- their user and are read from the log again, which pins their slice.
CREATE TABLE leat.parked (
    partition_id bigint NOT NULL,
    consumer_id bigint NOT NULL,
    event_offset bigint NOT NULL,
    -- -1 for a whole event.
    part integer NOT NULL,
    user_hash bigint NOT NULL,
    -- Of the event's chunk.
    slice_time timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    -- Tries so far, and when the first of them was.
    attempts integer NOT NULL,
    since timestamptz NOT NULL,
    -- NULL for those that wait behind another.
    next_attempt_at timestamptz,
    payload bytea,
    -- Why it waits.
    code text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (partition_id, consumer_id, event_offset, part)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02);

-- Events, or parts of them, that are not tried again without a person.
CREATE TABLE leat.dead_letter (
    partition_id bigint NOT NULL,
    consumer_id bigint NOT NULL,
    event_offset bigint NOT NULL,
    part integer NOT NULL,
    died_at timestamptz NOT NULL,
    user_hash bigint NOT NULL,
    slice_time timestamptz NOT NULL,
    -- read, transform, connect or deliver.
    stage text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    -- The plugin version that was in force, as id@version.
    plugin text,
    attempts integer NOT NULL,
    payload_before bytea,
    payload_after bytea,
    -- The latest tries with what was answered, as JSON.
    history text,
    PRIMARY KEY (partition_id, consumer_id, died_at, event_offset, part)
) PARTITION BY RANGE (died_at);
CREATE INDEX dead_letter_consumer ON leat.dead_letter (consumer_id, died_at);

-- How many events of a source were refused, by minute and reason; each node has rows of its own. What is older than its
-- retention is added up in one row per source and reason, whose minute is '-infinity'.
CREATE TABLE leat.refused_count (
    source_id bigint NOT NULL,
    minute timestamptz NOT NULL,
    node_id bigint NOT NULL,
    reason text NOT NULL,
    events bigint NOT NULL,
    -- The last flush of the node that was added, so that one whose answer was lost can be sent again.
    flush bigint NOT NULL,
    PRIMARY KEY (source_id, minute, node_id, reason)
);
CREATE INDEX refused_count_minute ON leat.refused_count (minute);

-- The last refused events of each source, cut to a bound, for people to look at.
CREATE TABLE leat.refused (
    refused_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id bigint NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL,
    detail text NOT NULL,
    sample bytea NOT NULL,
    -- The flush that brought it, and its place there.
    node_id bigint NOT NULL,
    flush bigint NOT NULL,
    place bigint NOT NULL,
    UNIQUE (node_id, flush, place)
);
CREATE INDEX refused_source ON leat.refused (source_id, refused_id);
