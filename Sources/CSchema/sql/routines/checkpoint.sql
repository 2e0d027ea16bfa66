-- The tries of a stay behind those of earlier stays, one JSON text a line: ten at the most, and of the earlier ones no more
-- than fit into 64 KiB with the others.
CREATE FUNCTION leat.tries(earlier text, later text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT nullif(concat_ws(E'\n', (
        SELECT string_agg(t.try, E'\n' ORDER BY t.n) FROM (
            SELECT u.try, u.n, row_number() OVER w AS place, sum(octet_length(u.try)) OVER w AS bytes
            FROM unnest(string_to_array(earlier, E'\n')) WITH ORDINALITY AS u (try, n) WINDOW w AS (ORDER BY u.n DESC)
        ) AS t
        WHERE t.place + coalesce(cardinality(string_to_array(later, E'\n')), 0) <= 10
            AND t.bytes + coalesce(octet_length(later), 0) <= 65536
    ), later), '')
$$;

-- Commits the progress of lanes of one node, each commit once however often it is sent. Every array of one group has
-- one element per lane, parked event, removed parked event, dead letter, change of plugins or trace, and each of these is of one of the lanes;
-- counts has eleven per lane: expired, then the columns of the table in order; reasons are JSON objects; histories are
-- tries, one JSON text a line. Planned once and never by a look at how large a table is: a plan made while a slice is
-- empty would be kept while the slice grows.
--
-- A parked row keeps what its dead letter needs: what is removed for the letter at that place of removed_letters (0 for
-- none) leaves it the event as it was accepted, and the tries of earlier stays. Of a row that was parked again the event
-- is not sent a second time.
--
-- It commits inside: a node that is stopped after it has sent this, and before it has sent what would end the
-- transaction, must not keep the leases locked.
CREATE PROCEDURE leat.checkpoint(
    me bigint, is_durable boolean,
    lease_ids bigint[], lease_epochs bigint[],
    ids bigint[], consumers bigint[], numbers bigint[], starts bigint[], nexts bigint[], times timestamptz[], bitmaps bytea[],
    counts bigint[], reasons text[],
    parked_ids bigint[], parked_consumers bigint[], parked_offsets bigint[], parked_parts integer[],
    parked_users bigint[], parked_times timestamptz[], parked_received timestamptz[], parked_attempts integer[],
    parked_since timestamptz[], parked_next timestamptz[], parked_payloads bytea[], parked_codes text[],
    parked_throttles integer[], parked_before bytea[], parked_histories text[],
    removed_ids bigint[], removed_consumers bigint[], removed_offsets bigint[], removed_parts integer[],
    removed_letters integer[],
    dead_ids bigint[], dead_consumers bigint[], dead_offsets bigint[], dead_parts integer[], dead_users bigint[],
    dead_times timestamptz[], dead_stages text[], dead_codes text[], dead_reasons text[], dead_plugins text[],
    dead_attempts integer[], dead_before bytea[], dead_after bytea[], dead_histories text[],
    chain_ids bigint[], chain_consumers bigint[], chain_froms bigint[], chain_offsets text[], chain_stages text[],
    trace_ids bigint[], trace_consumers bigint[], trace_offsets bigint[], trace_parts integer[], trace_users bigint[],
    trace_lows bigint[], trace_highs bigint[], trace_times timestamptz[], trace_causes text[], trace_outcomes text[],
    trace_records text[]
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    lease record;
    its_id bigint;
    seen record;
    begun integer := 0;
    kept integer := 0;
    letter integer;
    its_before bytea;
    its_history text;
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
        counts[u.n * 11 - 2], counts[u.n * 11 - 1], counts[u.n * 11], reasons[u.n]::jsonb
    FROM unnest(ids, consumers, numbers, starts, nexts, times, bitmaps) WITH ORDINALITY
        AS u (id, consumer, number, start, next, time, bitmap, n);
    FOR i IN 1 .. cardinality(removed_ids) LOOP
        its_id := removed_ids[i];
        letter := removed_letters[i];
        DELETE FROM leat.parked p
        WHERE p.partition_id = its_id AND p.consumer_id = removed_consumers[i] AND p.event_offset = removed_offsets[i]
            AND p.part = removed_parts[i]
        RETURNING CASE WHEN letter > 0 THEN p.payload_before END, CASE WHEN letter > 0 THEN p.history END
        INTO its_before, its_history;
        CONTINUE WHEN letter = 0;
        dead_histories[letter] := leat.tries(its_history, dead_histories[letter]);
        CONTINUE WHEN its_before IS NULL OR dead_before[letter] IS NOT NULL;
        IF its_before = '' THEN
            dead_before[letter] := dead_after[letter];
            dead_after[letter] := NULL;
        ELSE
            dead_before[letter] := its_before;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(parked_ids) LOOP
        CONTINUE WHEN parked_histories[i] IS NULL OR parked_before[i] IS NOT NULL;
        its_id := parked_ids[i];
        SELECT p.history INTO its_history FROM leat.parked p
        WHERE p.partition_id = its_id AND p.consumer_id = parked_consumers[i] AND p.event_offset = parked_offsets[i]
            AND p.part = parked_parts[i];
        parked_histories[i] := leat.tries(its_history, parked_histories[i]);
    END LOOP;
    IF cardinality(parked_ids) > 0 THEN
        INSERT INTO leat.parked AS p (
            partition_id, consumer_id, event_offset, part, user_hash, slice_time, received_at, attempts, since,
            next_attempt_at, payload, code, own_throttles, payload_before, history
        )
        SELECT * FROM unnest(
            parked_ids, parked_consumers, parked_offsets, parked_parts, parked_users, parked_times, parked_received,
            parked_attempts, parked_since, parked_next, parked_payloads, parked_codes, parked_throttles, parked_before,
            parked_histories
        )
        ON CONFLICT (partition_id, consumer_id, event_offset, part) DO UPDATE SET
            attempts = excluded.attempts, since = excluded.since, next_attempt_at = excluded.next_attempt_at,
            payload = excluded.payload, code = excluded.code, own_throttles = excluded.own_throttles,
            history = coalesce(excluded.history, p.history);
    END IF;
    IF cardinality(dead_ids) > 0 THEN
        INSERT INTO leat.dead_letter (
            partition_id, consumer_id, event_offset, part, user_hash, slice_time, stage, code, reason, plugin, attempts,
            payload_before, payload_after, history, died_at
        )
        SELECT u.id, u.consumer, u.its_offset, u.part, u.its_user, u.time, u.stage, u.code, u.reason, u.plugin, u.attempts,
            u.before, u.after, '[' || replace(u.history, E'\n', ',') || ']', at
        FROM unnest(
            dead_ids, dead_consumers, dead_offsets, dead_parts, dead_users, dead_times, dead_stages, dead_codes,
            dead_reasons, dead_plugins, dead_attempts, dead_before, dead_after, dead_histories
        ) AS u (
            id, consumer, its_offset, part, its_user, time, stage, code, reason, plugin, attempts, before, after, history
        );
    END IF;
    IF cardinality(chain_ids) > 0 THEN
        INSERT INTO leat.chain (partition_id, consumer_id, from_offset, written_at, place, offsets, stages)
        SELECT u.id, u.consumer, u.start, at, u.n, u.offsets::bigint[], u.stages
        FROM unnest(chain_ids, chain_consumers, chain_froms, chain_offsets, chain_stages) WITH ORDINALITY
            AS u (id, consumer, start, offsets, stages, n);
    END IF;
    IF cardinality(trace_ids) > 0 THEN
        INSERT INTO leat.trace (
            partition_id, event_offset, consumer_id, written_at, place, part, user_hash, message_low, message_high,
            slice_time, cause, outcome, node_id, record
        )
        SELECT u.id, u.its_offset, u.consumer, at, u.n, u.part, u.its_user, u.low, u.high, u.time, u.cause, u.outcome, me,
            u.record
        FROM unnest(
            trace_ids, trace_consumers, trace_offsets, trace_parts, trace_users, trace_lows, trace_highs, trace_times,
            trace_causes, trace_outcomes, trace_records
        ) WITH ORDINALITY
            AS u (id, consumer, its_offset, part, its_user, low, high, time, cause, outcome, record, n);
    END IF;
    COMMIT;
END
$$;
