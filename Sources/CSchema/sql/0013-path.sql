-- Which plugin versions handle a lane's events, what became of single ones in every particular, and whose events a
-- person follows.

-- A row is written when other versions take over, not for every chunk.
CREATE TABLE leat.chain (
    partition_id bigint NOT NULL,
    consumer_id bigint NOT NULL,
    -- From this offset on; where there are offsets, the lowest of them.
    from_offset bigint NOT NULL,
    written_at timestamptz NOT NULL,
    -- Tells rows of one commit apart.
    place integer NOT NULL,
    -- Of these events alone, whatever holds around them: they were handled before a change that came into force below
    -- them, or after one that came into force above them. NULL for all from there on.
    offsets bigint[],
    -- The stages in order, each with plugin, version, digest and the hash of its configuration, as JSON.
    stages text NOT NULL,
    PRIMARY KEY (partition_id, consumer_id, from_offset, written_at, place)
);

-- What happened to one event on its way to one consumer: of those that failed, were parked, are followed, or belong to
-- the sample.
CREATE TABLE leat.trace (
    partition_id bigint NOT NULL,
    event_offset bigint NOT NULL,
    consumer_id bigint NOT NULL,
    written_at timestamptz NOT NULL,
    -- Tells rows of one commit apart.
    place integer NOT NULL,
    -- -1 for a whole event.
    part integer NOT NULL,
    user_hash bigint NOT NULL,
    message_low bigint NOT NULL,
    message_high bigint NOT NULL,
    slice_time timestamptz NOT NULL,
    -- failed, parked, traced or sampled.
    cause text NOT NULL,
    outcome text NOT NULL,
    node_id bigint NOT NULL,
    -- Stages, payloads, requests and answers, as JSON.
    record text NOT NULL,
    PRIMARY KEY (partition_id, event_offset, consumer_id, written_at, place)
) PARTITION BY RANGE (written_at);
CREATE INDEX trace_message ON leat.trace (partition_id, message_low);

-- The users and messages whose events are followed for a while; few, and changed by hand.
CREATE TABLE leat.tracing (
    tracing_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What was asked for: a user's key or a message id; both are looked for.
    subject text NOT NULL,
    until timestamptz NOT NULL,
    who text NOT NULL
);

-- The share of a connection's events whose ways are written down though nothing happened to them.
ALTER TABLE leat.connection
    ADD COLUMN trace_sample double precision NOT NULL DEFAULT 0.001 CHECK (trace_sample BETWEEN 0 AND 1);
