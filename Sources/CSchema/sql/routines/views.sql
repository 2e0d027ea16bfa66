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

-- A partition's id as people read it, source.generation.number, and back.
CREATE FUNCTION leat.partition_name(id bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT format('%s.%s.%s', id >> 24, (id >> 8) & 65535, id & 255)
$$;

CREATE FUNCTION leat.partition_id(name text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (split_part(name, '.', 1)::bigint << 24) | (split_part(name, '.', 2)::bigint << 8)
        | split_part(name, '.', 3)::bigint
$$;

-- A time at or before the one at which an offset was accepted, and not long before: found by halves, so that nobody
-- reads a partition from its beginning to find a place in its middle. NULL for a partition without chunks.
CREATE FUNCTION leat.seek(id bigint, wanted bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low timestamptz;
    high timestamptz;
    middle timestamptz;
    probe record;
BEGIN
    SELECT c.slice_time INTO low FROM leat.chunk c WHERE c.partition_id = id ORDER BY c.slice_time LIMIT 1;
    SELECT c.slice_time INTO high FROM leat.chunk c WHERE c.partition_id = id ORDER BY c.slice_time DESC LIMIT 1;
    WHILE high - low > interval '1 second' LOOP
        middle := low + (high - low) / 2;
        SELECT c.first_offset, c.slice_time INTO probe FROM leat.chunk c
        WHERE c.partition_id = id AND c.slice_time > middle ORDER BY c.slice_time LIMIT 1;
        IF probe.first_offset <= wanted THEN
            low := probe.slice_time;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN low;
END
$$;

-- Every lane as of its last commit: its place, its counts, and who runs it.
CREATE VIEW leat.lanes AS
WITH made AS MATERIALIZED (
    SELECT s.name AS source, s.name || '/' || d.name AS connection, s.source_id, c.connection_id AS consumer_id,
        c.created_at, c.enabled AND d.enabled AS is_on,
        d.paused_at IS NOT NULL AND d.drain_until IS NULL AS is_paused
    FROM leat.connection c
    JOIN leat.source s ON s.source_id = c.source_id
    JOIN leat.destination d ON d.destination_id = c.destination_id
    WHERE c.removed_at IS NULL
), node AS MATERIALIZED (
    SELECT n.node_id, coalesce(nullif(n.name, ''), n.address) AS holder,
        n.ended_at IS NOT NULL OR n.beat_at < clock_timestamp() - interval '10 seconds' AS is_silent
    FROM leat.node n
)
SELECT m.source, m.connection, leat.partition_name(p.partition_id) AS partition, m.source_id, m.consumer_id,
    p.partition_id, k.start_offset, k.next_offset, coalesce(t.next_offset, 0) AS end_offset,
    bit_count(k.settled) AS settled_beyond, coalesce(t.next_offset, 0) - k.start_offset - k.read - k.expired AS unread,
    k.expired, k.read, k.duplicates, k.filtered, k.dropped, k.reasons, k.failed, k.transformed, k.emitted, k.delivered,
    k.dead_lettered, k.waiting, coalesce(w.events, 0) AS parked_events, coalesce(w.parts, 0) AS parked_parts, w.since AS parked_since,
    CASE
        WHEN k.next_offset IS NULL THEN 'missing'
        WHEN NOT m.is_on THEN 'off'
        WHEN m.is_paused THEN 'paused'
        WHEN l.node_id IS NULL THEN 'unheld'
        WHEN n.node_id IS NULL OR n.is_silent THEN 'silent'
        WHEN coalesce(t.next_offset, 0) - k.start_offset - k.read - k.expired > coalesce(w.events, 0) THEN 'reading'
        WHEN w.events > 0 OR w.parts > 0 THEN 'waiting'
        ELSE 'idle'
    END AS state,
    n.holder, l.epoch, k.slice_time AS position_time, t.slice_time AS last_accepted_at, k.written_at AS committed_at
FROM leat.partition p
JOIN made m ON m.source_id = p.partition_id >> 24
LEFT JOIN LATERAL (
    SELECT c.first_offset + c.event_count AS next_offset, c.slice_time FROM leat.chunk c
    WHERE c.partition_id = p.partition_id ORDER BY c.slice_time DESC LIMIT 1
) AS t ON true
LEFT JOIN leat.checkpoint k ON k.partition_id = p.partition_id AND k.consumer_id = m.consumer_id AND k.written_at = (
    SELECT x.written_at FROM leat.checkpoint x WHERE x.partition_id = p.partition_id AND x.consumer_id = m.consumer_id
    ORDER BY x.written_at DESC LIMIT 1
)
LEFT JOIN (
    SELECT x.partition_id, x.consumer_id, count(*) FILTER (WHERE x.part < 0) AS events,
        count(*) FILTER (WHERE x.part >= 0) AS parts, min(x.since) AS since
    FROM leat.parked x GROUP BY x.partition_id, x.consumer_id
) AS w ON w.partition_id = p.partition_id AND w.consumer_id = m.consumer_id
LEFT JOIN leat.lease l ON l.partition_id = p.partition_id
LEFT JOIN node n ON n.node_id = l.node_id
-- A connection has no lane on what was closed before it was made, or while it was.
WHERE k.next_offset IS NOT NULL OR p.closed_at IS NULL OR p.closed_at > m.created_at + interval '1 minute';

-- Every lane with what it has still to read, and how old that is. Bytes are those of the bodies from the lane's position
-- on, summed over at most 1,000 chunks; where there are more, the rest is taken to be like them.
CREATE VIEW leat.backlog AS
SELECT l.source, l.connection, l.partition, l.source_id, l.consumer_id, l.partition_id, l.start_offset, l.next_offset,
    l.end_offset, l.settled_beyond, l.unread, l.expired, l.read, l.duplicates, l.filtered, l.dropped, l.failed,
    l.transformed, l.emitted, l.delivered, l.dead_lettered, l.waiting, l.parked_events, l.parked_parts, l.parked_since,
    l.state, l.holder, l.epoch, l.position_time, l.last_accepted_at, l.committed_at,
    CASE
        WHEN l.rest[1] IS NULL THEN 0
        ELSE round(l.rest[2] * greatest(l.end_offset - l.next_offset, l.rest[1]) / l.rest[1])
    END::bigint AS bytes,
    coalesce(l.rest[1] < l.end_offset - l.next_offset, false) AS is_estimate,
    l.oldest_at, clock_timestamp() - l.oldest_at AS age, l.last_accepted_at - l.oldest_at AS lag
FROM (
    SELECT l.*, (
        SELECT ARRAY[sum(c.events), sum(c.byte_count::numeric * c.events / c.event_count)] FROM (
            SELECT c.byte_count, c.event_count,
                least(c.event_count, c.first_offset + c.event_count - l.next_offset) AS events
            FROM leat.chunk c
            WHERE l.next_offset < l.end_offset AND c.partition_id = l.partition_id AND c.slice_time >= l.position_time
                AND c.first_offset + c.event_count > l.next_offset AND c.event_count > 0
            ORDER BY c.slice_time LIMIT 1000
        ) AS c
    ) AS rest, (
        SELECT c.slice_time FROM leat.chunk c
        WHERE l.next_offset < l.end_offset AND c.partition_id = l.partition_id AND c.slice_time >= l.position_time
            AND c.first_offset + c.event_count > l.next_offset AND c.event_count > 0
        ORDER BY c.slice_time LIMIT 1
    ) AS oldest_at
    FROM leat.lanes l
) AS l;

-- The servers: when each was heard of last, and how many partitions it holds.
CREATE VIEW leat.nodes AS
SELECT n.node_id, coalesce(nullif(n.name, ''), n.address) AS node, n.identity, n.address, n.version, n.started_at,
    n.beat_at, clock_timestamp() - n.beat_at AS silent_for, n.ended_at,
    EXISTS (SELECT FROM leat.drain d WHERE d.identity = n.identity) AS is_draining,
    coalesce(h.partitions, 0) AS partitions
FROM leat.node n
LEFT JOIN (SELECT l.node_id, count(*) AS partitions FROM leat.lease l GROUP BY l.node_id) AS h ON h.node_id = n.node_id;

-- Events, or parts of them, that are not tried again without a person; name a connection or a time. Of a replay's, and of
-- a requeue's, the connection is the one that it sends to.
CREATE VIEW leat.dead_letters AS
SELECT x.died_at, s.name || '/' || d.name AS connection, leat.partition_name(x.partition_id) AS partition,
    x.consumer_id, x.partition_id, x.event_offset, nullif(x.part, -1) AS part, x.stage, x.code, x.reason, x.plugin,
    x.attempts, convert_from(x.payload_before, 'UTF8') AS event, convert_from(x.payload_after, 'UTF8') AS transformed,
    x.history, convert_from(x.edited_payload, 'UTF8') AS edited, x.edited_at, x.edited_by, x.requeued_at, x.requeued_by,
    r.replay_id
FROM leat.dead_letter x
LEFT JOIN leat.replay r ON r.replay_id = x.consumer_id
LEFT JOIN leat.connection c ON c.connection_id = coalesce(r.connection_id, x.consumer_id)
LEFT JOIN leat.source s ON s.source_id = c.source_id
LEFT JOIN leat.destination d ON d.destination_id = c.destination_id;
