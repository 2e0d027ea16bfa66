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
BEGIN
    SELECT g.* INTO STRICT old FROM leat.generation g WHERE g.source_id = owner AND g.closed_at IS NULL FOR UPDATE;
    old_ids := leat.partition_ids(owner, old.generation, old.partitions);
    new_ids := leat.partition_ids(owner, old.generation + 1, wanted);
    -- In the order of the ids, as appends take them.
    PERFORM FROM leat.partition p WHERE p.partition_id = ANY (old_ids) ORDER BY p.partition_id FOR NO KEY UPDATE;
    UPDATE leat.partition SET closed_at = clock_timestamp() WHERE partition_id = ANY (old_ids);
    UPDATE leat.generation AS g SET closed_at = clock_timestamp(), end_offsets = e.offsets, end_times = e.times
    FROM (
        SELECT array_agg(coalesce(t.next_offset, 0) ORDER BY id) AS offsets,
            array_agg(coalesce(t.slice_time, to_timestamp(0)) ORDER BY id) AS times
        FROM unnest(old_ids) AS id LEFT JOIN LATERAL leat.tail(id) AS t ON true
    ) AS e WHERE g.source_id = owner AND g.generation = old.generation;
    INSERT INTO leat.generation (source_id, generation, partitions) VALUES (owner, old.generation + 1, wanted);
    INSERT INTO leat.partition (partition_id) SELECT unnest(new_ids);
    UPDATE leat.source SET partitions = wanted, generation = old.generation + 1 WHERE source_id = owner;
    PERFORM leat.begin_lanes(c.connection_id, new_ids) FROM leat.connection c
    WHERE c.source_id = owner AND c.removed_at IS NULL;
END
$$;

-- Those of these lanes of closed partitions that have not read everything, or of which something is parked. `users` are
-- the users of what is parked; `rest` is where the log goes on, if what a lane would read next has left it.
CREATE FUNCTION leat.unfinished_lanes(ids bigint[], consumers bigint[])
RETURNS TABLE (partition_id bigint, consumer_id bigint, is_drained boolean, users bigint[], rest bigint)
LANGUAGE sql STABLE AS $$
    SELECT u.id, u.consumer, c.next_offset >= g.end_offsets[(u.id & 255) + 1], coalesce(p.users, '{}'),
        CASE WHEN coalesce(r.first_offset, g.end_offsets[(u.id & 255) + 1]) > c.next_offset
            THEN coalesce(r.first_offset, g.end_offsets[(u.id & 255) + 1]) END
    FROM unnest(ids, consumers) AS u (id, consumer)
    JOIN leat.generation g ON g.source_id = u.id >> 24 AND g.generation = (u.id >> 8) & 65535
    CROSS JOIN LATERAL (
        SELECT k.next_offset, k.slice_time FROM leat.checkpoint k
        WHERE k.partition_id = u.id AND k.consumer_id = u.consumer ORDER BY k.written_at DESC LIMIT 1
    ) AS c
    LEFT JOIN LATERAL (
        SELECT k.first_offset FROM leat.chunk k
        WHERE k.partition_id = u.id AND k.slice_time >= c.slice_time AND k.event_count > 0
            AND k.first_offset + k.event_count > c.next_offset
        ORDER BY k.slice_time LIMIT 1
    ) AS r ON c.next_offset < g.end_offsets[(u.id & 255) + 1]
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT k.user_hash) AS users FROM leat.parked k
        WHERE k.partition_id = u.id AND k.consumer_id = u.consumer
    ) AS p
    WHERE c.next_offset < g.end_offsets[(u.id & 255) + 1] OR p.users IS NOT NULL
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
BEGIN
    FOR old IN
        SELECT g.* FROM leat.generation g WHERE g.closed_at IS NOT NULL AND g.retired_at IS NULL
        ORDER BY g.source_id, g.generation
    LOOP
        ids := leat.partition_ids(old.source_id, old.generation, old.partitions);
        CONTINUE WHEN EXISTS (
            SELECT FROM unnest(ids) AS id WHERE EXISTS (
                SELECT FROM leat.chunk c WHERE c.partition_id = id AND c.event_count > 0
            )
        );
        CONTINUE WHEN EXISTS (
            SELECT FROM (
                SELECT DISTINCT k.partition_id, k.consumer_id FROM leat.checkpoint k WHERE k.partition_id = ANY (ids)
            ) AS l, leat.unfinished_lanes(ARRAY[l.partition_id], ARRAY[l.consumer_id])
        );
        -- The catalog first, as whoever makes or removes a connection does; while somebody changes it, this can wait.
        PERFORM FROM leat.catalog_revision FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        PERFORM FROM leat.lease l WHERE l.partition_id = ANY (ids) ORDER BY l.partition_id FOR UPDATE;
        UPDATE leat.generation g SET retired_at = clock_timestamp()
        WHERE g.source_id = old.source_id AND g.generation = old.generation AND g.retired_at IS NULL;
        IF NOT FOUND THEN
            -- Another node was quicker.
            COMMIT;
            CONTINUE;
        END IF;
        INSERT INTO leat.retired_lanes
        SELECT l.consumer_id, old.source_id, old.generation, sum(l.next_offset - l.start_offset), sum(l.expired),
            sum(l.read), sum(l.duplicates), sum(l.filtered), sum(l.dropped), sum(l.failed), sum(l.transformed),
            sum(l.emitted), sum(l.delivered), sum(l.dead_lettered)
        FROM (
            SELECT DISTINCT ON (k.partition_id, k.consumer_id) k.* FROM leat.checkpoint k
            WHERE k.partition_id = ANY (ids) ORDER BY k.partition_id, k.consumer_id, k.written_at DESC
        ) AS l GROUP BY l.consumer_id;
        DELETE FROM leat.checkpoint k WHERE k.partition_id = ANY (ids);
        DELETE FROM leat.lease l WHERE l.partition_id = ANY (ids);
        DELETE FROM leat.partition p WHERE p.partition_id = ANY (ids);
        PERFORM leat.catalog_changed('', '{}');
        COMMIT;
    END LOOP;
END
$$;
