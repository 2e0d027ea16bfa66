-- The sums of two objects of numbers, by their keys.
CREATE FUNCTION leat.sum_reasons(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(s.key, s.events), '{}') FROM (
        SELECT u.key, sum(u.value::bigint) AS events
        FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) AS u (key, value)
        GROUP BY u.key
    ) AS s
$$;

-- Begins a consumer's lanes at the present end of these partitions.
CREATE FUNCTION leat.begin_lanes(consumer bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
    last record;
BEGIN
    FOREACH id IN ARRAY ids LOOP
        SELECT coalesce(max(t.next_offset), 0) AS next_offset, coalesce(max(t.slice_time), to_timestamp(0)) AS slice_time
        INTO last FROM leat.tail(id) AS t;
        INSERT INTO leat.checkpoint VALUES (
            id, consumer, clock_timestamp(), 0, 0, last.next_offset, last.next_offset, last.slice_time, '', 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0
        );
    END LOOP;
END
$$;

-- Deletes what is kept for a consumer's lanes. Their progress cannot be committed from then on.
CREATE FUNCTION leat.end_lanes(consumer bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    FOR id IN SELECT u FROM unnest(ids) AS u ORDER BY u LOOP
        PERFORM true FROM leat.lease l WHERE l.partition_id = id FOR UPDATE;
        DELETE FROM leat.parked WHERE partition_id = id AND consumer_id = consumer;
        DELETE FROM leat.checkpoint WHERE partition_id = id AND consumer_id = consumer;
        DELETE FROM leat.chain WHERE partition_id = id AND consumer_id = consumer;
    END LOOP;
END
$$;

-- Who has lanes on a partition; from one to the next, since each has very many checkpoints.
CREATE FUNCTION leat.lanes_of(id bigint) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    consumer bigint := -1;
BEGIN
    LOOP
        SELECT c.consumer_id INTO consumer FROM leat.checkpoint c
        WHERE c.partition_id = id AND c.consumer_id > consumer ORDER BY c.consumer_id LIMIT 1;
        EXIT WHEN NOT FOUND;
        RETURN NEXT consumer;
    END LOOP;
END
$$;

-- The latest checkpoint of each lane that has one.
CREATE FUNCTION leat.latest(ids bigint[], consumers bigint[]) RETURNS SETOF leat.checkpoint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    id bigint;
    consumer bigint;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        id := ids[i];
        consumer := consumers[i];
        RETURN QUERY SELECT c.* FROM leat.checkpoint c
            WHERE c.partition_id = id AND c.consumer_id = consumer ORDER BY c.written_at DESC LIMIT 1;
    END LOOP;
END
$$;

-- What plugin versions came into force last at lanes.
CREATE FUNCTION leat.latest_chains(ids bigint[], consumers bigint[])
RETURNS TABLE (partition_id bigint, consumer_id bigint, from_offset bigint, stages text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    consumer bigint;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        id := ids[i];
        consumer := consumers[i];
        RETURN QUERY SELECT c.partition_id, c.consumer_id, c.from_offset, c.stages FROM leat.chain c
            WHERE c.partition_id = id AND c.consumer_id = consumer AND c.offsets IS NULL
            ORDER BY c.written_at DESC, c.place DESC LIMIT 1;
    END LOOP;
END
$$;

-- Those of these partitions of which something is parked, in their order.
CREATE FUNCTION leat.having_parked(ids bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    id bigint;
BEGIN
    FOR id IN SELECT u FROM unnest(ids) AS u ORDER BY u LOOP
        PERFORM true FROM leat.parked p WHERE p.partition_id = id LIMIT 1;
        IF FOUND THEN
            RETURN NEXT id;
        END IF;
    END LOOP;
END
$$;
