-- Makes the static rows of partitions.
CREATE FUNCTION leat.open_partitions(ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    FOREACH id IN ARRAY ids LOOP
        INSERT INTO leat.partition (partition_id) VALUES (id) ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

-- How statements are planned that come again and again: once for all, since planning for each call would cost more than
-- the call. Where the data is spread over machines, a statement's plan says to which machine it goes, so there it must be
-- made for each partition.
CREATE FUNCTION leat.planning() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN 'force_generic_plan' ELSE 'auto' END
$$;

-- Appends chunks, several of one partition in their order, and says at which offset and time each begins.
--
-- It commits by itself before it answers: the locks end with the work of the server, whether or not the client is still
-- there to end its message. How it is planned is said in here because a procedure with a setting of its own may not
-- commit. Each statement names one partition, so that partitions may lie on several machines.
CREATE PROCEDURE leat.append(
    ids bigint[], counts integer[], byte_counts integer[], codecs smallint[], payloads bytea[],
    OUT offsets bigint[], OUT times timestamptz[]
)
LANGUAGE plpgsql AS $$
DECLARE
    planning text := set_config('plan_cache_mode', leat.planning(), true);
    recent timestamptz := clock_timestamp() - interval '10 minutes';
    known bigint[] := ARRAY (SELECT DISTINCT u FROM unnest(ids) AS u ORDER BY u);
    nexts bigint[];
    latest timestamptz[];
    id bigint;
    closed timestamptz;
    place integer;
    next_offset bigint;
    newest timestamptz;
BEGIN
    -- The locks come in the order of the ids, so two appends never wait for each other. Who closes a partition holds the
    -- same lock, so what is seen here is how the partition stands until this commits.
    FOREACH id IN ARRAY known LOOP
        SELECT p.closed_at INTO closed FROM leat.partition p WHERE p.partition_id = id FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'partition % does not exist', id USING ERRCODE = 'LE002';
        ELSIF closed IS NOT NULL THEN
            RAISE EXCEPTION 'a partition is closed' USING ERRCODE = 'LE005';
        END IF;
        -- The newest slices first: a partition in use ends there, and the other slices are not even opened.
        SELECT c.first_offset + c.event_count, c.slice_time INTO next_offset, newest FROM leat.chunk c
        WHERE c.partition_id = id AND c.slice_time >= recent ORDER BY c.slice_time DESC LIMIT 1;
        IF NOT FOUND THEN
            SELECT c.first_offset + c.event_count, c.slice_time INTO next_offset, newest FROM leat.chunk c
            WHERE c.partition_id = id ORDER BY c.slice_time DESC LIMIT 1;
        END IF;
        nexts := nexts || coalesce(next_offset, 0);
        latest := latest || newest;
    END LOOP;
    FOR i IN 1 .. cardinality(ids) LOOP
        id := ids[i];
        place := array_position(known, id);
        offsets[i] := nexts[place];
        times[i] := greatest(latest[place] + interval '1 microsecond', clock_timestamp());
        INSERT INTO leat.chunk
        VALUES (id, times[i], offsets[i], counts[i], byte_counts[i], codecs[i], payloads[i]);
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
