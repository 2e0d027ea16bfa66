-- Enters a node; an earlier run of the same identity ends here, and with it the life of its leases. `earlier` is the
-- number that the same run had before others held it for silent; nothing is returned if another run has its place.
CREATE FUNCTION leat.join(
    new_identity text, new_name text, new_address text, new_version text, earlier bigint
) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF earlier IS NOT NULL AND NOT EXISTS (SELECT FROM leat.node n WHERE n.node_id = earlier) THEN
        RETURN;
    END IF;
    DELETE FROM leat.node WHERE identity = new_identity;
    PERFORM pg_notify('leat_lease', '');
    RETURN QUERY INSERT INTO leat.node (identity, name, address, version)
        VALUES (new_identity, new_name, new_address, new_version) RETURNING node_id;
END
$$;

-- Everything that a node and the others have to tell each other, once a second: its sign of life; the nodes whose signs
-- stand still (`silent`), at which count; leases that it gives back; partitions that it claims. The rows tell it how it
-- stands itself (0 another run has its place, 1 alive, 2 held for silent), with the number of the configuration's last
-- change, so that nobody has to ask for that; who lives, which leases it has given back and which of its claims it holds.
--
-- At rest this touches the node's own row and nothing else. It never waits for a lock: what somebody holds is left for
-- the next time. It is sent as one simple message, which the server ends by itself, so a node that is stopped holds
-- nothing; numbers come as text for that reason.
CREATE FUNCTION leat.tick(
    me bigint, takes boolean,
    silent bigint[], silent_beats bigint[], given bigint[], given_epochs bigint[], claims bigint[]
) RETURNS TABLE (kind text, id text, detail text, name text, number text, traits text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    served boolean;
    is_news boolean;
BEGIN
    SELECT n.serves INTO served FROM leat.node n WHERE n.node_id = me;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'me', '0', '', '', '', '';
        RETURN;
    END IF;
    UPDATE leat.node n SET beat_at = clock_timestamp(), beats = n.beats + 1, serves = takes
    WHERE n.node_id = me AND n.ended_at IS NULL;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'me', '2', '', '', '', '';
        RETURN;
    END IF;
    RETURN QUERY SELECT 'me', '1', '', '', (SELECT r.revision::text FROM leat.catalog_revision r), '';
    is_news := served <> takes;
    IF cardinality(silent) > 0 THEN
        UPDATE leat.node n SET ended_at = clock_timestamp() WHERE n.node_id IN (
            SELECT s.node_id FROM leat.node s JOIN unnest(silent, silent_beats) AS u (node, beats)
                ON s.node_id = u.node AND s.beats = u.beats
            WHERE s.ended_at IS NULL ORDER BY s.node_id FOR UPDATE OF s SKIP LOCKED
        );
        is_news := is_news OR FOUND;
    END IF;
    IF cardinality(given) > 0 THEN
        RETURN QUERY SELECT 'gave', g.partition_id::text, '', '', g.epoch::text, ''
            FROM leat.give_leases(me, given, given_epochs) AS g;
        is_news := is_news OR FOUND;
    END IF;
    IF is_news THEN
        PERFORM pg_notify('leat_lease', me::text);
    END IF;
    IF cardinality(claims) > 0 THEN
        RETURN QUERY SELECT 'held', t.partition_id::text, '', '', t.epoch::text, '' FROM leat.take_leases(me, claims) AS t;
    END IF;
    RETURN QUERY SELECT 'node', n.node_id::text, n.identity, n.name, n.beats::text,
            concat_ws(' ', CASE WHEN n.serves THEN 'serves' END, CASE WHEN d.identity IS NOT NULL THEN 'draining' END)
        FROM leat.node n LEFT JOIN leat.drain d ON d.identity = n.identity WHERE n.ended_at IS NULL;
END
$$;

-- Gives leases back, and says which of these are given back now. What somebody holds is left for the next time.
CREATE FUNCTION leat.give_leases(me bigint, given bigint[], given_epochs bigint[])
RETURNS TABLE (partition_id bigint, epoch bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    its_epoch bigint;
    now_at timestamptz := clock_timestamp();
BEGIN
    FOR id, its_epoch IN SELECT * FROM unnest(given, given_epochs) AS u (partition, epoch) ORDER BY u.partition LOOP
        -- The rest comes with the next tick: this one must end in time, and with it the sign of life.
        EXIT WHEN clock_timestamp() > now_at + interval '1 second';
        PERFORM true FROM leat.lease l WHERE l.partition_id = id AND l.epoch = its_epoch AND l.node_id = me
        FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE leat.lease l SET node_id = NULL WHERE l.partition_id = id;
        ELSE
            PERFORM true FROM leat.lease l WHERE l.partition_id = id AND l.epoch = its_epoch AND l.node_id = me;
            CONTINUE WHEN FOUND;
        END IF;
        partition_id := id;
        epoch := its_epoch;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Takes those of these leases that are free, and says which of them the node holds. Whoever was quicker has made the
-- epoch grow, so a lease that was free when it was looked at is not taken twice.
CREATE FUNCTION leat.take_leases(me bigint, claims bigint[]) RETURNS TABLE (partition_id bigint, epoch bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    now_at timestamptz := clock_timestamp();
    seen record;
BEGIN
    FOR id IN SELECT u FROM unnest(claims) AS u ORDER BY u LOOP
        EXIT WHEN clock_timestamp() > now_at + interval '1 second';
        SELECT l.node_id, l.epoch INTO seen FROM leat.lease l WHERE l.partition_id = id;
        IF NOT FOUND THEN
            INSERT INTO leat.lease (partition_id, epoch) VALUES (id, 0) ON CONFLICT DO NOTHING;
            SELECT NULL::bigint AS node_id, 0::bigint AS epoch INTO seen;
        END IF;
        partition_id := id;
        epoch := seen.epoch;
        IF seen.node_id IS NULL OR NOT EXISTS (
            SELECT FROM leat.node n WHERE n.node_id = seen.node_id AND n.ended_at IS NULL
        ) THEN
            PERFORM true FROM leat.lease l WHERE l.partition_id = id AND l.epoch = seen.epoch FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            epoch := seen.epoch + 1;
            UPDATE leat.lease l SET epoch = seen.epoch + 1, node_id = me, taken_at = now_at WHERE l.partition_id = id;
        ELSIF seen.node_id <> me THEN
            CONTINUE;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Ends a node's life in order: its leases are free at once.
CREATE PROCEDURE leat.leave(me bigint)
LANGUAGE plpgsql AS $$
DECLARE
    held bigint[];
    id bigint;
BEGIN
    -- Locks come in the order of the ids, as everywhere.
    SELECT coalesce(array_agg(l.partition_id ORDER BY l.partition_id), '{}') INTO held FROM leat.lease l
    WHERE l.node_id = me;
    FOREACH id IN ARRAY held LOOP
        UPDATE leat.lease l SET node_id = NULL WHERE l.partition_id = id AND l.node_id = me;
    END LOOP;
    DELETE FROM leat.node n WHERE n.node_id = me;
    PERFORM pg_notify('leat_lease', me::text);
    COMMIT;
END
$$;

-- Lets a node run no lanes any more: 1 done, 2 it was so before, 0 refused because nobody else could run them.
CREATE PROCEDURE leat.begin_drain(its_identity text, its_name text, asker text, is_forced boolean, INOUT outcome integer)
LANGUAGE plpgsql AS $$
BEGIN
    -- One at a time, or two nodes could be drained of which each counts on the other.
    PERFORM pg_advisory_xact_lock(1818583414);
    IF EXISTS (SELECT FROM leat.drain d WHERE d.identity = its_identity) THEN
        outcome := 2;
    ELSIF NOT is_forced AND NOT EXISTS (
        SELECT FROM leat.node n WHERE n.identity <> its_identity AND n.ended_at IS NULL AND n.serves
            AND NOT EXISTS (SELECT FROM leat.drain d WHERE d.identity = n.identity)
    ) THEN
        outcome := 0;
    ELSE
        INSERT INTO leat.drain (identity, who) VALUES (its_identity, asker);
        INSERT INTO leat.audit (who, what) VALUES (asker, 'node ' || its_name || ' drained');
        PERFORM pg_notify('leat_lease', '');
        outcome := 1;
    END IF;
    COMMIT;
END
$$;

-- Lets a node run lanes again: 1 done, 2 it was so before.
CREATE PROCEDURE leat.end_drain(its_identity text, its_name text, asker text, INOUT outcome integer)
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM leat.drain d WHERE d.identity = its_identity;
    outcome := 2;
    IF FOUND THEN
        INSERT INTO leat.audit (who, what) VALUES (asker, 'node ' || its_name || ' not drained any more');
        PERFORM pg_notify('leat_lease', '');
        outcome := 1;
    END IF;
    COMMIT;
END
$$;
