-- Commits the progress of lanes of one node, each commit once however often it is sent. Every array of one group has
-- one element per lane, parked event, removed parked event or dead letter, and each of these is of one of the lanes;
-- counts has eleven per lane: expired, then the columns of the table in order. Planned once and never by a look at how
-- large a table is: a plan made while a slice is empty would be kept while the slice grows.
--
-- It commits inside: a node that is stopped after it has sent this, and before it has sent what would end the
-- transaction, must not keep the leases locked.
CREATE PROCEDURE leat.checkpoint(
    me bigint, is_durable boolean,
    lease_ids bigint[], lease_epochs bigint[],
    ids bigint[], consumers bigint[], numbers bigint[], starts bigint[], nexts bigint[], times timestamptz[], bitmaps bytea[],
    counts bigint[],
    parked_ids bigint[], parked_consumers bigint[], parked_offsets bigint[], parked_parts integer[],
    parked_users bigint[], parked_times timestamptz[], parked_received timestamptz[], parked_attempts integer[],
    parked_since timestamptz[], parked_next timestamptz[], parked_payloads bytea[], parked_codes text[],
    removed_ids bigint[], removed_consumers bigint[], removed_offsets bigint[], removed_parts integer[],
    dead_ids bigint[], dead_consumers bigint[], dead_offsets bigint[], dead_parts integer[], dead_users bigint[],
    dead_times timestamptz[], dead_stages text[], dead_codes text[], dead_reasons text[], dead_plugins text[],
    dead_attempts integer[], dead_before bytea[], dead_after bytea[], dead_histories text[]
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    lease record;
    its_id bigint;
    seen record;
    begun integer := 0;
    kept integer := 0;
    at timestamptz := clock_timestamp();
BEGIN
    -- A procedure that has settings of its own cannot commit.
    PERFORM set_config('plan_cache_mode', leat.planning(), true);
    SET LOCAL enable_seqscan = off;
    SET LOCAL jit = off;
    IF NOT is_durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    -- Each statement names one partition, so that partitions may lie on several machines.
    FOR lease IN
        SELECT e.id, e.epoch, array_agg(u.consumer) AS consumers, array_agg(u.number) AS numbers
        FROM unnest(lease_ids, lease_epochs) AS e (id, epoch)
            LEFT JOIN unnest(ids, consumers, numbers) AS u (id, consumer, number) ON u.id = e.id
        GROUP BY e.id, e.epoch ORDER BY e.id
    LOOP
        its_id := lease.id;
        PERFORM true FROM leat.lease l
        WHERE l.partition_id = its_id AND l.epoch = lease.epoch AND l.node_id = me FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a lease was lost' USING ERRCODE = 'LE001';
        END IF;
        -- With the lease locked, no other sending of the same commit is under way. A gap in the numbers is mere progress
        -- that a crash of the database lost, and the later commit holds it too.
        SELECT count(last.written_at) AS begun, count(*) FILTER (WHERE last.commit_number >= u.number) AS kept,
            max(last.written_at) AS written_at
        INTO seen
        FROM unnest(lease.consumers, lease.numbers) AS u (consumer, number) LEFT JOIN LATERAL (
            SELECT c.written_at, c.commit_number FROM leat.checkpoint c
            WHERE c.partition_id = its_id AND c.consumer_id = u.consumer ORDER BY c.written_at DESC LIMIT 1
        ) AS last ON true;
        begun := begun + seen.begun;
        kept := kept + seen.kept;
        at := greatest(at, seen.written_at + interval '1 microsecond');
    END LOOP;
    IF begun < cardinality(ids) THEN
        RAISE EXCEPTION 'a consumer was removed' USING ERRCODE = 'LE004';
    END IF;
    IF kept = cardinality(ids) THEN
        COMMIT;
        RETURN;
    END IF;
    IF kept > 0 THEN
        -- A part of a call comes alone when the whole of it was refused; this one was sent before that.
        RAISE EXCEPTION 'some of these commits were kept before' USING ERRCODE = 'unique_violation';
    END IF;
    INSERT INTO leat.checkpoint
    SELECT u.id, u.consumer, at,
        (SELECT e.epoch FROM unnest(lease_ids, lease_epochs) AS e (id, epoch) WHERE e.id = u.id),
        u.number, u.start, u.next, u.time, u.bitmap,
        counts[u.n * 11 - 10], counts[u.n * 11 - 9], counts[u.n * 11 - 8], counts[u.n * 11 - 7],
        counts[u.n * 11 - 6], counts[u.n * 11 - 5], counts[u.n * 11 - 4], counts[u.n * 11 - 3],
        counts[u.n * 11 - 2], counts[u.n * 11 - 1], counts[u.n * 11]
    FROM unnest(ids, consumers, numbers, starts, nexts, times, bitmaps) WITH ORDINALITY
        AS u (id, consumer, number, start, next, time, bitmap, n);
    FOR i IN 1 .. cardinality(removed_ids) LOOP
        its_id := removed_ids[i];
        DELETE FROM leat.parked p
        WHERE p.partition_id = its_id AND p.consumer_id = removed_consumers[i] AND p.event_offset = removed_offsets[i]
            AND p.part = removed_parts[i];
    END LOOP;
    IF cardinality(parked_ids) > 0 THEN
        INSERT INTO leat.parked AS p (
            partition_id, consumer_id, event_offset, part, user_hash, slice_time, received_at, attempts, since,
            next_attempt_at, payload, code
        )
        SELECT * FROM unnest(
            parked_ids, parked_consumers, parked_offsets, parked_parts, parked_users, parked_times, parked_received,
            parked_attempts, parked_since, parked_next, parked_payloads, parked_codes
        )
        ON CONFLICT (partition_id, consumer_id, event_offset, part) DO UPDATE SET
            attempts = excluded.attempts, since = excluded.since, next_attempt_at = excluded.next_attempt_at,
            payload = excluded.payload, code = excluded.code;
    END IF;
    IF cardinality(dead_ids) > 0 THEN
        INSERT INTO leat.dead_letter (
            partition_id, consumer_id, event_offset, part, user_hash, slice_time, stage, code, reason, plugin, attempts,
            payload_before, payload_after, history, died_at
        )
        SELECT u.*, at FROM unnest(
            dead_ids, dead_consumers, dead_offsets, dead_parts, dead_users, dead_times, dead_stages, dead_codes,
            dead_reasons, dead_plugins, dead_attempts, dead_before, dead_after, dead_histories
        ) AS u;
    END IF;
    COMMIT;
END
$$;
