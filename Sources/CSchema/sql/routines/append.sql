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
