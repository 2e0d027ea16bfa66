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
    free bigint[];
    free_epochs bigint[];
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
        UPDATE leat.lease l SET node_id = NULL WHERE l.partition_id IN (
            SELECT g.partition_id FROM leat.lease g JOIN unnest(given, given_epochs) AS u (partition, epoch)
                ON g.partition_id = u.partition AND g.epoch = u.epoch
            WHERE g.node_id = me ORDER BY g.partition_id FOR UPDATE OF g SKIP LOCKED
        );
        is_news := is_news OR FOUND;
        RETURN QUERY SELECT 'gave', u.partition::text, '', '', u.epoch::text, ''
            FROM unnest(given, given_epochs) AS u (partition, epoch) WHERE NOT EXISTS (
                SELECT FROM leat.lease l WHERE l.partition_id = u.partition AND l.epoch = u.epoch AND l.node_id = me
            );
    END IF;
    IF is_news THEN
        PERFORM pg_notify('leat_lease', me::text);
    END IF;
    IF cardinality(claims) > 0 THEN
        INSERT INTO leat.lease (partition_id, epoch)
        SELECT c, 0 FROM unnest(claims) AS c WHERE NOT EXISTS (SELECT FROM leat.lease l WHERE l.partition_id = c)
        ORDER BY c ON CONFLICT DO NOTHING;
        -- Whoever was quicker has made the epoch grow, so a lease that was free when it was looked at is not taken twice.
        SELECT array_agg(l.partition_id), array_agg(l.epoch) INTO free, free_epochs
        FROM leat.lease l WHERE l.partition_id = ANY (claims) AND (
            l.node_id IS NULL
            OR NOT EXISTS (SELECT FROM leat.node n WHERE n.node_id = l.node_id AND n.ended_at IS NULL)
        );
        UPDATE leat.lease l SET epoch = l.epoch + 1, node_id = me, taken_at = clock_timestamp()
        WHERE l.partition_id IN (
            SELECT f.partition_id FROM leat.lease f JOIN unnest(free, free_epochs) AS u (partition, epoch)
                ON f.partition_id = u.partition AND f.epoch = u.epoch
            ORDER BY f.partition_id FOR UPDATE OF f SKIP LOCKED
        );
        RETURN QUERY SELECT 'held', l.partition_id::text, '', '', l.epoch::text, ''
            FROM leat.lease l WHERE l.partition_id = ANY (claims) AND l.node_id = me;
    END IF;
    RETURN QUERY SELECT 'node', n.node_id::text, n.identity, n.name, n.beats::text,
            concat_ws(' ', CASE WHEN n.serves THEN 'serves' END, CASE WHEN d.identity IS NOT NULL THEN 'draining' END)
        FROM leat.node n LEFT JOIN leat.drain d ON d.identity = n.identity WHERE n.ended_at IS NULL;
END
$$;

-- Ends a node's life in order: its leases are free at once.
CREATE PROCEDURE leat.leave(me bigint)
LANGUAGE plpgsql AS $$
BEGIN
    -- Locks come in the order of the ids, as everywhere.
    PERFORM FROM leat.lease l WHERE l.node_id = me ORDER BY l.partition_id FOR UPDATE;
    UPDATE leat.lease l SET node_id = NULL WHERE l.node_id = me;
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
