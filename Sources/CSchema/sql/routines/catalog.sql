-- Makes a source together with its partitions' static rows in the log.
CREATE FUNCTION leat.add_source(new_name text, is_enabled boolean, partition_count integer) RETURNS bigint
LANGUAGE sql AS $$
    WITH made AS (
        INSERT INTO leat.source (name, enabled, partitions) VALUES (new_name, is_enabled, partition_count)
        RETURNING source_id, generation, partitions
    ), opened AS (
        INSERT INTO leat.partition (partition_id)
        SELECT unnest(leat.partition_ids(source_id, generation, partitions)) FROM made
    ), entered AS (
        INSERT INTO leat.generation (source_id, generation, partitions)
        SELECT source_id, generation, partitions FROM made
    )
    SELECT source_id FROM made
$$;

-- The partitions of a source, of every generation that is not retired.
CREATE FUNCTION leat.partitions(source bigint) RETURNS bigint[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(partition_id ORDER BY partition_id), '{}') FROM leat.partition
    WHERE partition_id >= source << 24 AND partition_id < (source + 1) << 24
$$;

-- Makes a connection together with the beginnings of its lanes in the log; no row if an end of it does not exist.
CREATE FUNCTION leat.add_connection(source_name text, destination_name text, is_enabled boolean)
RETURNS TABLE (connection_id bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    source bigint;
BEGIN
    INSERT INTO leat.connection (source_id, destination_id, enabled)
    SELECT s.source_id, d.destination_id, is_enabled FROM leat.source s, leat.destination d
    WHERE s.name = source_name AND s.removed_at IS NULL AND d.name = destination_name AND d.removed_at IS NULL
    RETURNING leat.connection.connection_id, leat.connection.source_id INTO connection_id, source;
    IF FOUND THEN
        -- What the closed generations hold was accepted before.
        PERFORM leat.begin_lanes(
            add_connection.connection_id, leat.partition_ids(source, g.generation, g.partitions)
        ) FROM leat.generation g WHERE g.source_id = source AND g.closed_at IS NULL;
        RETURN NEXT;
    END IF;
END
$$;

-- Ends the lanes of removed connections; again and again, and not with the removal, since that would hold leases for
-- as long as somebody's transaction lasts. Each is committed by itself, so that no lane waits for the others' ends.
CREATE PROCEDURE leat.end_removed()
LANGUAGE plpgsql AS $$
DECLARE
    gone record;
BEGIN
    FOR gone IN
        SELECT c.connection_id, p.ids
        FROM leat.connection c, LATERAL (SELECT leat.partitions(c.source_id) AS ids) AS p
        WHERE c.removed_at IS NOT NULL AND EXISTS (
            SELECT FROM leat.checkpoint k WHERE k.partition_id = ANY (p.ids) AND k.consumer_id = c.connection_id
        )
        ORDER BY c.source_id, c.connection_id
    LOOP
        PERFORM leat.end_lanes(gone.connection_id, gone.ids);
        COMMIT;
    END LOOP;
END
$$;

-- Ends every change: gives it its number, writes down who did what, and tells all nodes.
CREATE FUNCTION leat.catalog_changed(who text, what text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    new_revision bigint;
BEGIN
    INSERT INTO leat.audit (who, what) SELECT catalog_changed.who, line FROM unnest(catalog_changed.what) AS line;
    UPDATE leat.catalog_revision SET revision = revision + 1 RETURNING revision INTO new_revision;
    PERFORM pg_notify('leat_catalog', new_revision::text);
    RETURN new_revision;
END
$$;
