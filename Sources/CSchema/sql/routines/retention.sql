-- Notes the size of a slice of the log that is over, and what each source has in it; once.
CREATE FUNCTION leat.measure_slice(lower_bound bigint, upper_bound bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name text := format('chunk_%s_%s', lower_bound, upper_bound);
BEGIN
    INSERT INTO leat.slice (lower_at, upper_at, bytes)
    VALUES (
        to_timestamp(lower_bound), to_timestamp(upper_bound),
        coalesce(leat.bytes_of(to_regclass('leat.' || name)), 0)
    )
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'INSERT INTO leat.slice_source
        SELECT to_timestamp(%s), partition_id >> 24, sum(event_count), sum(byte_count), sum(octet_length(payload))
        FROM leat.%I WHERE event_count > 0 GROUP BY 2',
        lower_bound, name
    );
    RETURN true;
END
$$;

-- What a round of upkeep must know, at one look: the time in microseconds; the slices of every table, see leat.slices; and
-- whether there are removed connections, whose lanes are to end, and closed generations, to be put away.
CREATE FUNCTION leat.survey() RETURNS TABLE (kind text, name text, state text, bytes bigint, is_measured boolean)
LANGUAGE sql STABLE AS $$
    SELECT 'now', '', '', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, false
    UNION ALL
    SELECT t.name, s.name, s.state, s.bytes, s.is_measured
    FROM unnest(ARRAY['chunk', 'checkpoint', 'dead_letter', 'trace']) AS t (name), leat.slices(t.name) AS s
    UNION ALL
    SELECT 'removed', '', '', 0, false
    WHERE EXISTS (SELECT FROM leat.connection c WHERE c.removed_at IS NOT NULL)
    UNION ALL
    SELECT 'closed', '', '', 0, false
    WHERE EXISTS (SELECT FROM leat.generation g WHERE g.closed_at IS NOT NULL AND g.retired_at IS NULL)
$$;

-- Deletes, once a round, what has had its time and is too little for slices: counts of refused events, whose totals stay
-- in a row of which the minute is before all others; samples of them, the oldest of each source first where it has more
-- than `samples`; timings, at most `timings` at a time, so that a retention that was made shorter takes several rounds;
-- which plugins handled what has left the log;
-- the measures of slices that are gone, except what daily limits need; nodes that others held for silent long ago.
CREATE FUNCTION leat.tidy(
    refused_before timestamptz, samples bigint, timings_before timestamptz, timings bigint, slices_before timestamptz,
    nodes_before timestamptz
) RETURNS void
LANGUAGE sql AS $$
    WITH old AS (
        DELETE FROM leat.refused_count WHERE minute < refused_before AND minute > '-infinity'
        RETURNING source_id, reason, events
    )
    INSERT INTO leat.refused_count AS c (source_id, minute, node_id, reason, events, flush)
    SELECT source_id, '-infinity', 0, reason, sum(events), 0 FROM old GROUP BY source_id, reason
    ON CONFLICT (source_id, minute, node_id, reason) DO UPDATE SET events = c.events + excluded.events;
    DELETE FROM leat.refused WHERE refused_at < refused_before;
    DELETE FROM leat.refused r USING (SELECT DISTINCT source_id FROM leat.refused) AS s
    WHERE r.source_id = s.source_id AND r.refused_id <= (
        SELECT x.refused_id FROM leat.refused x WHERE x.source_id = s.source_id
        ORDER BY x.refused_id DESC OFFSET samples LIMIT 1
    );
    DELETE FROM leat.timing WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM leat.timing WHERE minute < timings_before ORDER BY minute LIMIT timings
    ));
    DELETE FROM leat.chain c WHERE c.written_at < slices_before AND (
        c.offsets IS NOT NULL OR EXISTS (
            SELECT FROM leat.chain n
            WHERE n.partition_id = c.partition_id AND n.consumer_id = c.consumer_id AND n.offsets IS NULL
                AND (n.written_at, n.place) > (c.written_at, c.place) AND n.written_at < slices_before
        )
    );
    DELETE FROM leat.tracing WHERE until < clock_timestamp();
    DELETE FROM leat.slice_source WHERE lower_at < least(slices_before, clock_timestamp() - interval '2 days');
    DELETE FROM leat.slice WHERE lower_at < least(slices_before, clock_timestamp() - interval '2 days');
    DELETE FROM leat.node WHERE node_id IN (
        SELECT node_id FROM leat.node WHERE ended_at < nodes_before FOR UPDATE SKIP LOCKED
    )
$$;

-- How far lanes are behind: the events between their place and the end, and the time of the oldest chunk that they
-- still must read; NULL when there is none.
CREATE FUNCTION leat.lag(ids bigint[], consumers bigint[])
RETURNS TABLE (partition_id bigint, consumer_id bigint, unread bigint, oldest timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    consumer bigint;
    end_offset bigint;
    lane record;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        id := ids[i];
        consumer := consumers[i];
        -- What is parked without its payload is read from the log again.
        SELECT c.next_offset, c.slice_time, (
            SELECT min(p.slice_time) FROM leat.parked p
            WHERE p.partition_id = id AND p.consumer_id = consumer AND p.payload IS NULL
        ) AS pinned
        INTO lane FROM leat.checkpoint c
        WHERE c.partition_id = id AND c.consumer_id = consumer ORDER BY c.written_at DESC LIMIT 1;
        CONTINUE WHEN NOT FOUND;
        end_offset := coalesce((SELECT t.next_offset FROM leat.tail(id) AS t), 0);
        -- A replay reads no further than to its end.
        end_offset := least(end_offset, (
            SELECT r.end_offsets[array_position(r.partition_ids, id)] FROM leat.replay r WHERE r.replay_id = consumer
        ));
        unread := greatest(end_offset - lane.next_offset, 0);
        oldest := NULL;
        IF unread > 0 THEN
            SELECT c.slice_time INTO oldest FROM leat.chunk c
            WHERE c.partition_id = id AND c.slice_time >= lane.slice_time
                AND c.first_offset + c.event_count > lane.next_offset AND c.event_count > 0
            ORDER BY c.slice_time LIMIT 1;
        END IF;
        oldest := least(oldest, lane.pinned);
        partition_id := id;
        consumer_id := consumer;
        RETURN NEXT;
    END LOOP;
END
$$;

-- What a source's partitions took, for daily limits: bytes of bodies, and where the next look begins. Those that are
-- known are looked at from their times on, the others from the floor on.
CREATE FUNCTION leat.taken_since(source bigint, floor_at timestamptz, known bigint[], times timestamptz[])
RETURNS TABLE (partition_id bigint, bytes bigint, until timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    seen_at timestamptz;
BEGIN
    FOREACH id IN ARRAY leat.partitions(source) LOOP
        seen_at := coalesce(times[array_position(known, id)], floor_at);
        SELECT sum(c.byte_count), max(c.slice_time) INTO bytes, until FROM leat.chunk c
        WHERE c.partition_id = id AND c.slice_time > seen_at;
        IF until IS NOT NULL THEN
            partition_id := id;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
