-- The ids of one generation's partitions, in the order of their numbers.
CREATE FUNCTION leat.partition_ids(source bigint, generation integer, partitions integer) RETURNS bigint[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((source << 24) | (generation::bigint << 8) | number ORDER BY number)
    FROM generate_series(0, partitions - 1) AS number
$$;

-- Gives a source another number of partitions: closes those that it has, and opens a new generation at whose beginning
-- the lanes of every connection begin. Nobody can append from the first lock to the commit, so the commit follows in the
-- same message.
CREATE FUNCTION leat.change_partitions(owner bigint, wanted integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old leat.generation;
    old_ids bigint[];
    new_ids bigint[];
    id bigint;
    now_at timestamptz := clock_timestamp();
    last record;
    offsets bigint[];
    times timestamptz[];
BEGIN
    SELECT g.* INTO STRICT old FROM leat.generation g WHERE g.source_id = owner AND g.closed_at IS NULL FOR UPDATE;
    old_ids := leat.partition_ids(owner, old.generation, old.partitions);
    new_ids := leat.partition_ids(owner, old.generation + 1, wanted);
    -- In the order of the ids, as appends take them.
    FOREACH id IN ARRAY old_ids LOOP
        UPDATE leat.partition SET closed_at = now_at WHERE partition_id = id;
        SELECT t.next_offset, t.slice_time INTO last FROM leat.tail(id) AS t;
        offsets := offsets || coalesce(last.next_offset, 0);
        times := times || coalesce(last.slice_time, to_timestamp(0));
    END LOOP;
    UPDATE leat.generation AS g SET closed_at = clock_timestamp(), end_offsets = offsets, end_times = times
    WHERE g.source_id = owner AND g.generation = old.generation;
    INSERT INTO leat.generation (source_id, generation, partitions) VALUES (owner, old.generation + 1, wanted);
    PERFORM leat.open_partitions(new_ids);
    UPDATE leat.source SET partitions = wanted, generation = old.generation + 1 WHERE source_id = owner;
    PERFORM leat.begin_lanes(c.connection_id, new_ids) FROM leat.connection c
    WHERE c.source_id = owner AND c.removed_at IS NULL;
END
$$;

-- Those of these lanes of closed partitions that have not read everything, or of which something is parked. `users` are
-- the users of what is parked; `rest` is where the log goes on, if what a lane would read next has left it.
CREATE FUNCTION leat.unfinished_lanes(ids bigint[], consumers bigint[])
RETURNS TABLE (partition_id bigint, consumer_id bigint, is_drained boolean, users bigint[], rest bigint)
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
        SELECT g.end_offsets[(id & 255) + 1] INTO end_offset FROM leat.generation g
        WHERE g.source_id = id >> 24 AND g.generation = (id >> 8) & 65535;
        CONTINUE WHEN end_offset IS NULL;
        -- A replay reads no further than to its end.
        end_offset := least(end_offset, (
            SELECT r.end_offsets[array_position(r.partition_ids, id)] FROM leat.replay r WHERE r.replay_id = consumer
        ));
        -- Both as of one moment.
        SELECT k.next_offset, k.slice_time, (
            SELECT array_agg(DISTINCT p.user_hash) FROM leat.parked p WHERE p.partition_id = id AND p.consumer_id = consumer
        ) AS users
        INTO lane FROM leat.checkpoint k
        WHERE k.partition_id = id AND k.consumer_id = consumer ORDER BY k.written_at DESC LIMIT 1;
        CONTINUE WHEN NOT FOUND;
        is_drained := lane.next_offset >= end_offset;
        CONTINUE WHEN is_drained AND lane.users IS NULL;
        rest := NULL;
        IF NOT is_drained THEN
            SELECT k.first_offset INTO rest FROM leat.chunk k
            WHERE k.partition_id = id AND k.slice_time >= lane.slice_time AND k.event_count > 0
                AND k.first_offset + k.event_count > lane.next_offset
            ORDER BY k.slice_time LIMIT 1;
            rest := nullif(greatest(coalesce(rest, end_offset), lane.next_offset), lane.next_offset);
        END IF;
        partition_id := id;
        consumer_id := consumer;
        users := coalesce(lane.users, '{}');
        RETURN NEXT;
    END LOOP;
END
$$;

-- The earlier generations of a partition's source that had events at or after a time, and how many partitions each has;
-- first the partition's own.
CREATE FUNCTION leat.ancestry(id bigint, since timestamptz) RETURNS TABLE (generation integer, partitions integer)
LANGUAGE sql STABLE AS $$
    SELECT g.generation, g.partitions::integer FROM leat.generation g
    WHERE g.source_id = id >> 24 AND (
        g.generation = (id >> 8) & 65535
        OR g.generation < (id >> 8) & 65535 AND since <= (SELECT max(t) FROM unnest(g.end_times) AS t)
    ) ORDER BY g.generation DESC
$$;

-- Puts away the generations that nobody needs any more: closed, every lane at its end and nothing of it parked, and their
-- events gone from the log. Each is committed by itself and inside, so that nobody waits for long or for a stopped node.
CREATE PROCEDURE leat.retire_generations()
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    old leat.generation;
    ids bigint[];
    id bigint;
BEGIN
    FOR old IN
        SELECT g.* FROM leat.generation g WHERE g.closed_at IS NOT NULL AND g.retired_at IS NULL
        ORDER BY g.source_id, g.generation
    LOOP
        ids := leat.partition_ids(old.source_id, old.generation, old.partitions);
        CONTINUE WHEN leat.is_used(ids);
        -- The catalog first, as whoever makes or removes a connection does; while somebody changes it, this can wait.
        PERFORM FROM leat.catalog_revision FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        FOREACH id IN ARRAY ids LOOP
            PERFORM true FROM leat.lease l WHERE l.partition_id = id FOR UPDATE;
        END LOOP;
        UPDATE leat.generation g SET retired_at = clock_timestamp()
        WHERE g.source_id = old.source_id AND g.generation = old.generation AND g.retired_at IS NULL;
        IF NOT FOUND THEN
            -- Another node was quicker.
            COMMIT;
            CONTINUE;
        END IF;
        FOREACH id IN ARRAY ids LOOP
            PERFORM leat.retire_lanes(id, old.source_id, old.generation);
            DELETE FROM leat.checkpoint k WHERE k.partition_id = id;
            DELETE FROM leat.chain c WHERE c.partition_id = id;
            DELETE FROM leat.lease l WHERE l.partition_id = id;
            DELETE FROM leat.partition p WHERE p.partition_id = id;
        END LOOP;
        PERFORM leat.catalog_changed('', '{}');
        COMMIT;
    END LOOP;
END
$$;

-- Whether any of these closed partitions has events, a lane that is not at its end, or a replay that has not ended.
CREATE FUNCTION leat.is_used(ids bigint[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    id bigint;
BEGIN
    PERFORM true FROM leat.replay r WHERE r.ended_at IS NULL AND r.partition_ids && ids;
    IF FOUND THEN
        RETURN true;
    END IF;
    FOREACH id IN ARRAY ids LOOP
        PERFORM true FROM leat.chunk c WHERE c.partition_id = id AND c.event_count > 0 LIMIT 1;
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    FOREACH id IN ARRAY ids LOOP
        PERFORM FROM leat.lanes_of(id) AS consumer, leat.unfinished_lanes(ARRAY[id], ARRAY[consumer]);
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

-- Adds what the lanes of a partition had counted to the sums of its generation.
CREATE FUNCTION leat.retire_lanes(id bigint, owner bigint, its_generation integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    l record;
BEGIN
    FOR l IN
        SELECT DISTINCT ON (k.consumer_id) k.* FROM leat.checkpoint k
        WHERE k.partition_id = id ORDER BY k.consumer_id, k.written_at DESC
    LOOP
        INSERT INTO leat.retired_lanes AS r VALUES (
            l.consumer_id, owner, its_generation, l.next_offset - l.start_offset, l.expired, l.read, l.duplicates,
            l.filtered, l.dropped, l.failed, l.transformed, l.emitted, l.delivered, l.dead_lettered, l.reasons
        )
        ON CONFLICT (consumer_id, source_id, generation) DO UPDATE SET
            accepted = r.accepted + excluded.accepted, expired = r.expired + excluded.expired,
            read = r.read + excluded.read, duplicates = r.duplicates + excluded.duplicates,
            filtered = r.filtered + excluded.filtered, dropped = r.dropped + excluded.dropped,
            failed = r.failed + excluded.failed, transformed = r.transformed + excluded.transformed,
            emitted = r.emitted + excluded.emitted, delivered = r.delivered + excluded.delivered,
            dead_lettered = r.dead_lettered + excluded.dead_lettered,
            reasons = leat.sum_reasons(r.reasons, excluded.reasons);
    END LOOP;
END
$$;
