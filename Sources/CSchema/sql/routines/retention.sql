-- Notes the size of a slice of the log that is over, and what each source has in it; once.
CREATE FUNCTION leat.measure_slice(lower_bound bigint, upper_bound bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name text := format('chunk_%s_%s', lower_bound, upper_bound);
BEGIN
    INSERT INTO leat.slice (lower_at, upper_at, bytes)
    VALUES (
        to_timestamp(lower_bound), to_timestamp(upper_bound),
        coalesce(pg_total_relation_size(to_regclass('leat.' || name)), 0)
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
    FROM unnest(ARRAY['chunk', 'checkpoint', 'dead_letter']) AS t (name), leat.slices(t.name) AS s
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
LANGUAGE sql STABLE AS $$
    WITH ends AS MATERIALIZED (
        SELECT u.id, t.next_offset FROM (SELECT DISTINCT unnest(ids) AS id) AS u, LATERAL leat.tail(u.id) AS t
    ), pinned AS MATERIALIZED (
        SELECT p.partition_id, p.consumer_id, min(p.slice_time) AS slice_time FROM leat.parked p
        WHERE p.payload IS NULL GROUP BY 1, 2
    )
    SELECT l.partition_id, l.consumer_id, greatest(coalesce(e.next_offset, 0) - l.next_offset, 0),
        least(
            CASE WHEN e.next_offset > l.next_offset THEN (
                SELECT c.slice_time FROM leat.chunk c
                WHERE c.partition_id = l.partition_id AND c.slice_time >= l.slice_time
                    AND c.first_offset + c.event_count > l.next_offset AND c.event_count > 0
                ORDER BY c.slice_time LIMIT 1
            ) END,
            p.slice_time
        )
    FROM leat.latest(ids, consumers) AS l
        LEFT JOIN ends e ON e.id = l.partition_id
        LEFT JOIN pinned p ON p.partition_id = l.partition_id AND p.consumer_id = l.consumer_id
$$;

-- What a source's partitions took, for daily limits: bytes of bodies, and where the next look begins. Those that are
-- known are looked at from their times on, the others from the floor on.
CREATE FUNCTION leat.taken_since(source bigint, floor_at timestamptz, known bigint[], times timestamptz[])
RETURNS TABLE (partition_id bigint, bytes bigint, until timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT p.id, t.bytes, t.until
    FROM unnest(leat.partitions(source)) AS p (id)
        LEFT JOIN unnest(known, times) AS k (id, seen_at) ON k.id = p.id,
        LATERAL (
            SELECT sum(c.byte_count) AS bytes, max(c.slice_time) AS until FROM leat.chunk c
            WHERE c.partition_id = p.id AND c.slice_time > coalesce(k.seen_at, floor_at)
        ) AS t
    WHERE t.until IS NOT NULL
$$;
