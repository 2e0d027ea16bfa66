-- Replays: whoever reads a part of a source's log once more, to one of its connections.

CREATE TABLE leat.replay (
    -- The consumer's id in the log, of the same sequence as those of connections.
    replay_id bigint PRIMARY KEY,
    connection_id bigint NOT NULL REFERENCES leat.connection,
    source_id bigint NOT NULL REFERENCES leat.source,
    -- log: a range of the log. letters: the dead letters that carry its number.
    kind text NOT NULL CHECK (kind IN ('log', 'letters')),
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    -- Of the events that are sent, as JSON; everything else counts as filtered.
    filter text NOT NULL,
    -- Events a second, over all nodes.
    rate bigint NOT NULL CHECK (rate > 0),
    state text NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'done', 'failed')),
    -- Why it is in this state, where that is not a matter of course.
    reason text NOT NULL DEFAULT '',
    who text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Its lanes: on which partitions, and from which offset to which.
    partition_ids bigint[] NOT NULL,
    start_offsets bigint[] NOT NULL,
    end_offsets bigint[] NOT NULL,
    -- Of a requeue: how many events the dead letters are of.
    letters bigint,
    -- When its lanes were ended, and what they had counted: expired, then the columns of a checkpoint in order.
    ended_at timestamptz,
    counts bigint[],
    CHECK (cardinality(start_offsets) = cardinality(partition_ids)),
    CHECK (cardinality(end_offsets) = cardinality(partition_ids)),
    CHECK ((kind = 'letters') = (letters IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (counts IS NULL)),
    CHECK (ended_at IS NULL OR state IN ('stopped', 'done', 'failed'))
);
CREATE INDEX replay_connection ON leat.replay (connection_id, replay_id);
CREATE INDEX replay_open ON leat.replay (replay_id) WHERE ended_at IS NULL;

-- The dead letters that a requeue reads.
CREATE INDEX dead_letter_requeued ON leat.dead_letter (partition_id, requeued_by, event_offset)
    WHERE requeued_by IS NOT NULL;
