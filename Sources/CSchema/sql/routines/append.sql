-- Makes the static rows of partitions.
CREATE FUNCTION leat.open_partitions(ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO leat.partition (partition_id) SELECT unnest(ids) ON CONFLICT DO NOTHING
$$;

-- Appends chunks, several of one partition in their order, and says at which offset and time each begins.
--
-- It commits by itself before it answers: the locks end with the work of the server, whether or not the client is still
-- there to end its message. Planned once, since planning for each call would cost more than the call; that is said in
-- here because a procedure with a setting of its own may not commit.
CREATE PROCEDURE leat.append(
    ids bigint[], counts integer[], byte_counts integer[], codecs smallint[], payloads bytea[],
    OUT offsets bigint[], OUT times timestamptz[]
)
LANGUAGE plpgsql AS $$
DECLARE
    planning text := set_config('plan_cache_mode', 'force_generic_plan', true);
    recent timestamptz := clock_timestamp() - interval '10 minutes';
    known bigint[];
    closed boolean;
    nexts bigint[];
    latest timestamptz[];
    place integer;
    last record;
BEGIN
    -- The locks come in the order of the ids, so two appends never wait for each other. Who closes a partition holds the
    -- same lock, so what is seen here is how the partition stands until this commits.
    SELECT array_agg(locked.partition_id), bool_or(locked.closed_at IS NOT NULL) INTO known, closed FROM (
        SELECT p.partition_id, p.closed_at FROM leat.partition p WHERE p.partition_id = ANY (ids)
        ORDER BY p.partition_id FOR NO KEY UPDATE
    ) AS locked;
    IF closed THEN
        RAISE EXCEPTION 'a partition is closed' USING ERRCODE = 'LE005';
    END IF;
    -- The newest slices first: a partition in use ends there, and the other slices are not even opened.
    SELECT array_agg(newest.next_offset ORDER BY k.n), array_agg(newest.slice_time ORDER BY k.n) INTO nexts, latest
    FROM unnest(known) WITH ORDINALITY AS k (id, n) LEFT JOIN LATERAL (
        SELECT c.first_offset + c.event_count AS next_offset, c.slice_time FROM leat.chunk c
        WHERE c.partition_id = k.id AND c.slice_time >= recent ORDER BY c.slice_time DESC LIMIT 1
    ) AS newest ON true;
    FOR i IN 1 .. cardinality(ids) LOOP
        place := array_position(known, ids[i]);
        IF place IS NULL THEN
            RAISE EXCEPTION 'partition % does not exist', ids[i] USING ERRCODE = 'LE002';
        END IF;
        IF latest[place] IS NULL THEN
            SELECT c.first_offset + c.event_count AS next_offset, c.slice_time INTO last FROM leat.chunk c
            WHERE c.partition_id = ids[i] ORDER BY c.slice_time DESC LIMIT 1;
            nexts[place] := last.next_offset;
            latest[place] := last.slice_time;
        END IF;
        offsets[i] := coalesce(nexts[place], 0);
        times[i] := greatest(latest[place] + interval '1 microsecond', clock_timestamp());
        INSERT INTO leat.chunk
        VALUES (ids[i], times[i], offsets[i], counts[i], byte_counts[i], codecs[i], payloads[i]);
        nexts[place] := offsets[i] + counts[i];
        latest[place] := times[i];
    END LOOP;
    COMMIT;
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
