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

-- The latest checkpoint of each lane that has one.
CREATE FUNCTION leat.latest(ids bigint[], consumers bigint[]) RETURNS SETOF leat.checkpoint
LANGUAGE sql STABLE AS $$
    SELECT c.* FROM unnest(ids, consumers) AS u (id, consumer), LATERAL (
        SELECT * FROM leat.checkpoint c WHERE c.partition_id = u.id AND c.consumer_id = u.consumer
        ORDER BY c.written_at DESC LIMIT 1
    ) AS c
$$;
