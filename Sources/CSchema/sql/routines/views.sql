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
