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

-- Makes the static rows of partitions.
CREATE FUNCTION leat.open_partitions(ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO leat.partition (partition_id) SELECT unnest(ids) ON CONFLICT DO NOTHING
$$;

-- Appends chunks, several of one partition in their order. The whole message is here before the first lock is taken,
-- so a client that stops can hold nobody. Planned once: planning for each call would cost more than the call.
CREATE FUNCTION leat.append(
    ids bigint[], counts integer[], byte_counts integer[], codecs smallint[], payloads bytea[]
) RETURNS TABLE (partition_id bigint, first_offset bigint, slice_time timestamptz)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    known bigint[];
    nexts bigint[];
    times timestamptz[];
    recent timestamptz := clock_timestamp() - interval '10 minutes';
    place integer;
    last record;
BEGIN
    -- The locks come in the order of the ids, so two appends never wait for each other.
    SELECT array_agg(locked.partition_id) INTO known FROM (
        SELECT p.partition_id FROM leat.partition p WHERE p.partition_id = ANY (ids)
        ORDER BY p.partition_id FOR NO KEY UPDATE
    ) AS locked;
    -- The newest slices first: a partition in use ends there, and the other slices are not even opened.
    SELECT array_agg(last.next_offset ORDER BY k.n), array_agg(last.slice_time ORDER BY k.n) INTO nexts, times
    FROM unnest(known) WITH ORDINALITY AS k (id, n) LEFT JOIN LATERAL (
        SELECT c.first_offset + c.event_count AS next_offset, c.slice_time FROM leat.chunk c
        WHERE c.partition_id = k.id AND c.slice_time >= recent ORDER BY c.slice_time DESC LIMIT 1
    ) AS last ON true;
    FOR i IN 1 .. cardinality(ids) LOOP
        place := array_position(known, ids[i]);
        IF place IS NULL THEN
            RAISE EXCEPTION 'partition % does not exist', ids[i] USING ERRCODE = 'LE002';
        END IF;
        IF times[place] IS NULL THEN
            SELECT c.first_offset + c.event_count AS next_offset, c.slice_time INTO last FROM leat.chunk c
            WHERE c.partition_id = ids[i] ORDER BY c.slice_time DESC LIMIT 1;
            nexts[place] := last.next_offset;
            times[place] := last.slice_time;
        END IF;
        partition_id := ids[i];
        first_offset := coalesce(nexts[place], 0);
        slice_time := greatest(times[place] + interval '1 microsecond', clock_timestamp());
        INSERT INTO leat.chunk
        VALUES (ids[i], slice_time, first_offset, counts[i], byte_counts[i], codecs[i], payloads[i]);
        RETURN NEXT;
        nexts[place] := first_offset + counts[i];
        times[place] := slice_time;
    END LOOP;
END
$$;

-- Where a partition ends: the next offset and the time of its last chunk; no row for one without chunks.
CREATE FUNCTION leat.tail(id bigint, OUT next_offset bigint, OUT slice_time timestamptz) RETURNS SETOF record
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT c.first_offset + c.event_count, c.slice_time FROM leat.chunk c
        WHERE c.partition_id = id AND c.slice_time >= now() - interval '10 minutes'
        ORDER BY c.slice_time DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY SELECT c.first_offset + c.event_count, c.slice_time FROM leat.chunk c
            WHERE c.partition_id = id ORDER BY c.slice_time DESC LIMIT 1;
    END IF;
END
$$;

-- Writes the next offsets of partitions that were quiet since `before` into the present, so that the slices before can
-- be dropped.
CREATE FUNCTION leat.carry_chunks(before timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
    last record;
    carried integer := 0;
BEGIN
    FOR id IN SELECT p.partition_id FROM leat.partition p ORDER BY p.partition_id LOOP
        CONTINUE WHEN EXISTS (SELECT FROM leat.chunk c WHERE c.partition_id = id AND c.slice_time >= before);
        PERFORM FROM leat.partition p WHERE p.partition_id = id FOR NO KEY UPDATE;
        SELECT * INTO last FROM leat.tail(id);
        CONTINUE WHEN NOT FOUND OR last.slice_time >= before;
        INSERT INTO leat.chunk VALUES (
            id, greatest(last.slice_time + interval '1 microsecond', clock_timestamp()), last.next_offset, 0, 0, 0, ''
        );
        carried := carried + 1;
    END LOOP;
    RETURN carried;
END
$$;

-- Copies the last checkpoint of every lane that was quiet since `before` into the present.
CREATE FUNCTION leat.carry_checkpoints(before timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    lane record;
    last leat.checkpoint;
    carried integer := 0;
BEGIN
    FOR lane IN
        SELECT c.partition_id, c.consumer_id FROM leat.checkpoint c WHERE c.written_at < before
        GROUP BY c.partition_id, c.consumer_id ORDER BY c.partition_id, c.consumer_id
    LOOP
        -- No commit of the lane can come between: its node holds this row while it commits.
        PERFORM FROM leat.lease l WHERE l.partition_id = lane.partition_id FOR UPDATE;
        SELECT * INTO last FROM leat.checkpoint c
        WHERE c.partition_id = lane.partition_id AND c.consumer_id = lane.consumer_id
        ORDER BY c.written_at DESC LIMIT 1;
        CONTINUE WHEN last.written_at >= before;
        last.written_at := clock_timestamp();
        INSERT INTO leat.checkpoint SELECT last.*;
        carried := carried + 1;
    END LOOP;
    RETURN carried;
END
$$;

-- Enters a node; an earlier run of the same identity ends here, and with it the life of its leases.
CREATE FUNCTION leat.join(new_identity text, new_address text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    DELETE FROM leat.node WHERE identity = new_identity;
    INSERT INTO leat.node (identity, address) VALUES (new_identity, new_address) RETURNING node_id INTO id;
    RETURN id;
END
$$;

-- Says that a node lives; returns how many nodes do, or nothing if this one is not among them any more.
CREATE FUNCTION leat.beat(me bigint, patience interval) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leat.node SET beat_at = clock_timestamp() WHERE node_id = me;
    IF FOUND THEN
        RETURN QUERY SELECT count(*) FROM leat.node WHERE beat_at > clock_timestamp() - patience;
    END IF;
END
$$;

-- Takes those of the leases that nobody alive holds, and names the epoch of each that is now held by `me`.
CREATE FUNCTION leat.acquire(me bigint, ids bigint[], patience interval)
RETURNS TABLE (partition_id bigint, epoch bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    held record;
BEGIN
    IF NOT EXISTS (SELECT FROM leat.node WHERE node_id = me) THEN
        RAISE EXCEPTION 'this node was replaced' USING ERRCODE = 'LE003';
    END IF;
    FOR id IN SELECT DISTINCT u FROM unnest(ids) AS u ORDER BY u LOOP
        INSERT INTO leat.lease AS l (partition_id, epoch) VALUES (id, 0) ON CONFLICT DO NOTHING;
        SELECT l.epoch, l.node_id INTO held FROM leat.lease l WHERE l.partition_id = id;
        IF held.node_id = me THEN
            RETURN QUERY SELECT id, held.epoch;
        ELSE
            RETURN QUERY UPDATE leat.lease AS l SET epoch = l.epoch + 1, node_id = me, taken_at = clock_timestamp()
                WHERE l.partition_id = id AND l.epoch = held.epoch AND (
                    l.node_id IS NULL OR NOT EXISTS (
                        SELECT FROM leat.node n
                        WHERE n.node_id = l.node_id AND n.beat_at > clock_timestamp() - patience
                    )
                ) RETURNING l.partition_id, l.epoch;
        END IF;
    END LOOP;
END
$$;

-- Gives leases back, so that others need not wait. Locks come in the order of the ids, as everywhere.
CREATE FUNCTION leat.release(me bigint, ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    SELECT FROM leat.lease WHERE node_id = me AND partition_id = ANY (ids) ORDER BY partition_id FOR UPDATE;
    UPDATE leat.lease SET node_id = NULL WHERE node_id = me AND partition_id = ANY (ids);
$$;

-- Ends a node's life in order: its leases are free at once.
CREATE FUNCTION leat.leave(me bigint) RETURNS void
LANGUAGE sql AS $$
    SELECT FROM leat.lease WHERE node_id = me ORDER BY partition_id FOR UPDATE;
    UPDATE leat.lease SET node_id = NULL WHERE node_id = me;
    DELETE FROM leat.node WHERE node_id = me;
$$;

-- Begins a consumer's lanes at the present end of these partitions.
CREATE FUNCTION leat.begin_lanes(consumer bigint, ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO leat.checkpoint
    SELECT id, consumer, clock_timestamp(), 0, 0, coalesce(t.next_offset, 0), coalesce(t.next_offset, 0),
        coalesce(t.slice_time, to_timestamp(0)), '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM unnest(ids) AS id LEFT JOIN LATERAL leat.tail(id) AS t ON true
$$;

-- Deletes what is kept for a consumer's lanes. Their progress cannot be committed from then on.
CREATE FUNCTION leat.end_lanes(consumer bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM leat.lease l WHERE l.partition_id = ANY (ids) ORDER BY l.partition_id FOR UPDATE;
    DELETE FROM leat.parked WHERE partition_id = ANY (ids) AND consumer_id = consumer;
    DELETE FROM leat.checkpoint WHERE partition_id = ANY (ids) AND consumer_id = consumer;
END
$$;

-- Commits the progress of lanes of one node, each commit once however often it is sent. Every array of one group has
-- one element per lane, parked event, removed parked event or dead letter, and each of these is of one of the lanes;
-- counts has eleven per lane: expired, then the columns of the table in order. Planned once and never by a look at how
-- large a table is: a plan made while a slice is empty would be kept while the slice grows.
CREATE FUNCTION leat.checkpoint(
    me bigint, is_durable boolean,
    lease_ids bigint[], lease_epochs bigint[],
    ids bigint[], consumers bigint[], numbers bigint[], starts bigint[], nexts bigint[], times timestamptz[], bitmaps bytea[],
    counts bigint[],
    parked_ids bigint[], parked_consumers bigint[], parked_offsets bigint[], parked_parts integer[],
    parked_users bigint[], parked_times timestamptz[], parked_received timestamptz[], parked_attempts integer[],
    parked_since timestamptz[], parked_next timestamptz[], parked_payloads bytea[], parked_codes text[],
    removed_ids bigint[], removed_consumers bigint[], removed_offsets bigint[], removed_parts integer[],
    dead_ids bigint[], dead_consumers bigint[], dead_offsets bigint[], dead_parts integer[], dead_users bigint[],
    dead_times timestamptz[], dead_stages text[], dead_codes text[], dead_reasons text[], dead_plugins text[],
    dead_attempts integer[], dead_before bytea[], dead_after bytea[], dead_histories text[]
) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    held integer;
    begun integer;
    kept integer;
    at timestamptz;
BEGIN
    IF NOT is_durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    SELECT count(*) INTO held FROM (
        SELECT FROM leat.lease l JOIN unnest(lease_ids, lease_epochs) AS u (id, epoch)
            ON l.partition_id = u.id AND l.epoch = u.epoch
        WHERE l.node_id = me ORDER BY l.partition_id FOR UPDATE OF l
    ) AS rows;
    IF held <> cardinality(lease_ids) THEN
        RAISE EXCEPTION 'a lease was lost' USING ERRCODE = 'LE001';
    END IF;
    -- With the leases locked, no other sending of the same commit is under way. A gap in the numbers is mere progress
    -- that a crash of the database lost, and the later commit holds it too.
    SELECT count(last.written_at), count(*) FILTER (WHERE last.commit_number >= u.number),
        greatest(clock_timestamp(), max(last.written_at) + interval '1 microsecond')
    INTO begun, kept, at
    FROM unnest(ids, consumers, numbers) AS u (id, consumer, number) LEFT JOIN LATERAL (
        SELECT c.written_at, c.commit_number FROM leat.checkpoint c
        WHERE c.partition_id = u.id AND c.consumer_id = u.consumer ORDER BY c.written_at DESC LIMIT 1
    ) AS last ON true;
    IF begun < cardinality(ids) THEN
        RAISE EXCEPTION 'a consumer was removed' USING ERRCODE = 'LE004';
    END IF;
    IF kept = cardinality(ids) THEN
        RETURN;
    END IF;
    IF kept > 0 THEN
        -- A part of a call comes alone when the whole of it was refused; this one was sent before that.
        RAISE EXCEPTION 'some of these commits were kept before' USING ERRCODE = 'unique_violation';
    END IF;
    INSERT INTO leat.checkpoint
    SELECT u.id, u.consumer, at,
        (SELECT e.epoch FROM unnest(lease_ids, lease_epochs) AS e (id, epoch) WHERE e.id = u.id),
        u.number, u.start, u.next, u.time, u.bitmap,
        counts[u.n * 11 - 10], counts[u.n * 11 - 9], counts[u.n * 11 - 8], counts[u.n * 11 - 7],
        counts[u.n * 11 - 6], counts[u.n * 11 - 5], counts[u.n * 11 - 4], counts[u.n * 11 - 3],
        counts[u.n * 11 - 2], counts[u.n * 11 - 1], counts[u.n * 11]
    FROM unnest(ids, consumers, numbers, starts, nexts, times, bitmaps) WITH ORDINALITY
        AS u (id, consumer, number, start, next, time, bitmap, n);
    IF cardinality(removed_ids) > 0 THEN
        DELETE FROM leat.parked p
        USING unnest(removed_ids, removed_consumers, removed_offsets, removed_parts) AS u (id, consumer, off, part)
        WHERE p.partition_id = u.id AND p.consumer_id = u.consumer AND p.event_offset = u.off AND p.part = u.part;
    END IF;
    IF cardinality(parked_ids) > 0 THEN
        INSERT INTO leat.parked AS p (
            partition_id, consumer_id, event_offset, part, user_hash, slice_time, received_at, attempts, since,
            next_attempt_at, payload, code
        )
        SELECT * FROM unnest(
            parked_ids, parked_consumers, parked_offsets, parked_parts, parked_users, parked_times, parked_received,
            parked_attempts, parked_since, parked_next, parked_payloads, parked_codes
        )
        ON CONFLICT (partition_id, consumer_id, event_offset, part) DO UPDATE SET
            attempts = excluded.attempts, since = excluded.since, next_attempt_at = excluded.next_attempt_at,
            payload = excluded.payload, code = excluded.code;
    END IF;
    IF cardinality(dead_ids) > 0 THEN
        INSERT INTO leat.dead_letter (
            partition_id, consumer_id, event_offset, part, user_hash, slice_time, stage, code, reason, plugin, attempts,
            payload_before, payload_after, history, died_at
        )
        SELECT u.*, at FROM unnest(
            dead_ids, dead_consumers, dead_offsets, dead_parts, dead_users, dead_times, dead_stages, dead_codes,
            dead_reasons, dead_plugins, dead_attempts, dead_before, dead_after, dead_histories
        ) AS u;
    END IF;
END
$$;

-- The latest checkpoint of each lane that has one.
CREATE FUNCTION leat.latest(ids bigint[], consumers bigint[]) RETURNS SETOF leat.checkpoint
LANGUAGE sql STABLE AS $$
    SELECT c.* FROM unnest(ids, consumers) AS u (id, consumer), LATERAL (
        SELECT * FROM leat.checkpoint c WHERE c.partition_id = u.id AND c.consumer_id = u.consumer
        ORDER BY c.written_at DESC LIMIT 1
    ) AS c
$$;

-- An unsigned little-endian integer inside a chunk's payload.
CREATE FUNCTION leat.little_endian(payload bytea, place integer, width integer) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT sum(get_byte(payload, place + i)::bigint << (8 * i))::bigint FROM generate_series(0, width - 1) AS i
$$;

-- Events for people who ask by SQL; name a partition and a time. Bodies are readable where the codec is 0.
CREATE VIEW leat.events AS
SELECT c.partition_id, c.first_offset + e.n AS event_offset, c.slice_time AS accepted_at,
    to_timestamp(leat.little_endian(c.payload, 32 + 48 * e.n + 8, 8) / 1e6) AS received_at,
    (ARRAY ['track', 'identify', 'page', 'screen', 'group', 'alias', 'merge'])
        [get_byte(c.payload, 32 + 48 * e.n + 4)] AS type,
    CASE c.codec WHEN 0 THEN convert_from(
        substring(c.payload FROM (
            1 + 32 + 48 * c.event_count
            + coalesce((SELECT sum(leat.little_endian(c.payload, 32 + 48 * b, 4)) FROM generate_series(0, e.n - 1) AS b), 0)
        )::integer FOR leat.little_endian(c.payload, 32 + 48 * e.n, 4)::integer),
        'UTF8'
    ) END AS body
FROM leat.chunk c CROSS JOIN LATERAL generate_series(0, c.event_count - 1) AS e (n);
