-- Enters a node; an earlier run of the same identity ends here, and with it the life of its leases.
CREATE FUNCTION leat.join(new_identity text, new_address text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    DELETE FROM leat.node WHERE identity = new_identity;
    INSERT INTO leat.node (identity, address) VALUES (new_identity, new_address) RETURNING node_id INTO id;
    RETURN id;
END
$$;

-- Says that a node lives; returns how many nodes do, or nothing if this one is not among them any more.
CREATE FUNCTION leat.beat(me bigint, patience interval) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leat.node SET beat_at = clock_timestamp() WHERE node_id = me;
    IF FOUND THEN
        RETURN QUERY SELECT count(*) FROM leat.node WHERE beat_at > clock_timestamp() - patience;
    END IF;
END
$$;

-- Takes those of the leases that nobody alive holds, and names the epoch of each that is now held by `me`.
CREATE FUNCTION leat.acquire(me bigint, ids bigint[], patience interval)
RETURNS TABLE (partition_id bigint, epoch bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    held record;
BEGIN
    IF NOT EXISTS (SELECT FROM leat.node WHERE node_id = me) THEN
        RAISE EXCEPTION 'this node was replaced' USING ERRCODE = 'LE003';
    END IF;
    FOR id IN SELECT DISTINCT u FROM unnest(ids) AS u ORDER BY u LOOP
        INSERT INTO leat.lease AS l (partition_id, epoch) VALUES (id, 0) ON CONFLICT DO NOTHING;
        SELECT l.epoch, l.node_id INTO held FROM leat.lease l WHERE l.partition_id = id;
        IF held.node_id = me THEN
            RETURN QUERY SELECT id, held.epoch;
        ELSE
            RETURN QUERY UPDATE leat.lease AS l SET epoch = l.epoch + 1, node_id = me, taken_at = clock_timestamp()
                WHERE l.partition_id = id AND l.epoch = held.epoch AND (
                    l.node_id IS NULL OR NOT EXISTS (
                        SELECT FROM leat.node n
                        WHERE n.node_id = l.node_id AND n.beat_at > clock_timestamp() - patience
                    )
                ) RETURNING l.partition_id, l.epoch;
        END IF;
    END LOOP;
END
$$;

-- Gives leases back, so that others need not wait. Locks come in the order of the ids, as everywhere.
CREATE FUNCTION leat.release(me bigint, ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    SELECT FROM leat.lease WHERE node_id = me AND partition_id = ANY (ids) ORDER BY partition_id FOR UPDATE;
    UPDATE leat.lease SET node_id = NULL WHERE node_id = me AND partition_id = ANY (ids);
$$;

-- Ends a node's life in order: its leases are free at once.
CREATE FUNCTION leat.leave(me bigint) RETURNS void
LANGUAGE sql AS $$
    SELECT FROM leat.lease WHERE node_id = me ORDER BY partition_id FOR UPDATE;
    UPDATE leat.lease SET node_id = NULL WHERE node_id = me;
    DELETE FROM leat.node WHERE node_id = me;
$$;
