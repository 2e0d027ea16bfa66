-- Makes a source together with its partitions' static rows in the log.
CREATE FUNCTION leat.add_source(new_name text, is_enabled boolean, partition_count integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made leat.source;
BEGIN
    INSERT INTO leat.source (name, enabled, partitions) VALUES (new_name, is_enabled, partition_count)
    RETURNING * INTO made;
    PERFORM leat.open_partitions(leat.partition_ids(made.source_id, made.generation, made.partitions));
    INSERT INTO leat.generation (source_id, generation, partitions)
    VALUES (made.source_id, made.generation, made.partitions);
    RETURN made.source_id;
END
$$;

-- The partitions of a source, of every generation that is not retired.
CREATE FUNCTION leat.partitions(source bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(array_agg(p.partition_id ORDER BY p.partition_id), '{}') FROM leat.partition p
    WHERE p.partition_id >= source << 24 AND p.partition_id < (source + 1) << 24;
END
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
    ids bigint[];
BEGIN
    FOR gone IN
        SELECT c.connection_id, c.source_id FROM leat.connection c WHERE c.removed_at IS NOT NULL
        ORDER BY c.source_id, c.connection_id
    LOOP
        ids := leat.partitions(gone.source_id);
        PERFORM true FROM leat.checkpoint k
        WHERE k.partition_id = ANY (ids) AND k.consumer_id = gone.connection_id LIMIT 1;
        CONTINUE WHEN NOT FOUND;
        PERFORM leat.end_lanes(gone.connection_id, ids);
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
