-- What a table takes on disk, with everything that belongs to it, on whatever machines that is.
CREATE FUNCTION leat.bytes_of(it regclass) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    bytes bigint := pg_total_relation_size(it);
BEGIN
    IF leat.is_spread(it) THEN
        EXECUTE 'SELECT citus_total_relation_size($1, false)' INTO bytes USING it;
    END IF;
    RETURN bytes;
END
$$;

-- Whether a table is spread over machines.
CREATE FUNCTION leat.is_spread(it regclass) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found boolean := false;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1)' INTO found USING it;
    END IF;
    RETURN found;
END
$$;

-- The tables that are, or were to be, slices of another: attached, leaving (a detachment that was begun and not ended)
-- or loose (not attached yet, or any more). The size is the measured one where there is one.
CREATE FUNCTION leat.slices(parent text)
RETURNS TABLE (name text, state text, bytes bigint, is_measured boolean)
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text,
        CASE WHEN i.inhrelid IS NULL THEN 'loose' WHEN i.inhdetachpending THEN 'leaving' ELSE 'attached' END,
        coalesce(s.bytes, leat.bytes_of(c.oid), 0), s.bytes IS NOT NULL
    FROM pg_class c
        LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
        LEFT JOIN leat.slice s
            ON s.lower_at = to_timestamp(substring(c.relname FROM '^chunk_([0-9]+)_')::double precision)
    WHERE c.relnamespace = 'leat'::regnamespace AND c.relkind = 'r' AND c.relname ~ ('^' || parent || '_[0-9]+_[0-9]+$')
$$;

-- Makes one slice, all on the server, so that a client that stops in the middle holds no lock; false if it is there
-- already. The slice is made as a table of its own and then attached, for which nobody who reads or appends must wait.
CREATE FUNCTION leat.make_slice(parent text, lower_bound bigint, upper_bound bigint) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    name text := format('%s_%s_%s', parent, lower_bound, upper_bound);
    found regclass;
    is_filled boolean;
BEGIN
    -- One node at a time; the key is an arbitrary number of ours.
    PERFORM pg_advisory_xact_lock(1818583413);
    found := to_regclass('leat.' || name);
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = found) THEN
        RETURN false;
    END IF;
    IF found IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM leat.%I)', name) INTO is_filled;
        IF NOT is_filled THEN
            EXECUTE format('DROP TABLE leat.%I', name);
        END IF;
    END IF;
    -- Vacuum has nothing to do in tables whose rows never change.
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS leat.%I (LIKE leat.%I INCLUDING ALL)
            WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off)',
        name, parent
    );
    EXECUTE format(
        'ALTER TABLE leat.%I ATTACH PARTITION leat.%I FOR VALUES FROM (%L) TO (%L)',
        parent, name, to_timestamp(lower_bound), to_timestamp(upper_bound)
    );
    RETURN true;
END
$$;

-- Writes the next offsets of partitions that were quiet since `before` into the present, so that the slices before can
-- be dropped.
CREATE FUNCTION leat.carry_chunks(before timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
    last record;
    carried integer := 0;
BEGIN
    FOR id IN SELECT p.partition_id FROM leat.partition p ORDER BY p.partition_id LOOP
        PERFORM true FROM leat.chunk c WHERE c.partition_id = id AND c.slice_time >= before LIMIT 1;
        CONTINUE WHEN FOUND;
        PERFORM true FROM leat.partition p WHERE p.partition_id = id FOR NO KEY UPDATE;
        SELECT * INTO last FROM leat.tail(id);
        CONTINUE WHEN NOT FOUND OR last.slice_time >= before;
        INSERT INTO leat.chunk VALUES (
            id, greatest(last.slice_time + interval '1 microsecond', clock_timestamp()), last.next_offset, 0, 0, 0, ''
        );
        carried := carried + 1;
    END LOOP;
    RETURN carried;
END
$$;

-- Copies the last checkpoint of every lane that was quiet since `before` into the present, partition by partition, so
-- that no lease is locked for long or beyond this statement.
CREATE PROCEDURE leat.carry_checkpoints(before timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    FOR id IN
        SELECT DISTINCT c.partition_id FROM leat.checkpoint c WHERE c.written_at < before ORDER BY c.partition_id
    LOOP
        -- No commit of its lanes can come between: their node holds this row while it commits.
        PERFORM true FROM leat.lease l WHERE l.partition_id = id FOR UPDATE;
        PERFORM leat.carry_lanes(id, before);
        COMMIT;
    END LOOP;
END
$$;

-- The same for the lanes of one partition, whose lease is locked.
CREATE FUNCTION leat.carry_lanes(id bigint, before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    consumer bigint;
    last leat.checkpoint;
BEGIN
    FOR consumer IN
        SELECT DISTINCT c.consumer_id FROM leat.checkpoint c WHERE c.partition_id = id AND c.written_at < before
    LOOP
        SELECT * INTO last FROM leat.checkpoint c
        WHERE c.partition_id = id AND c.consumer_id = consumer ORDER BY c.written_at DESC LIMIT 1;
        CONTINUE WHEN last.written_at >= before;
        last.written_at := clock_timestamp();
        INSERT INTO leat.checkpoint SELECT (last).*;
    END LOOP;
END
$$;
