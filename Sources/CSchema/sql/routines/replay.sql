-- Where a reader begins who wants nothing that was accepted before a time: the first event of the first chunk at or after
-- it, or the partition's end.
CREATE FUNCTION leat.place_at(id bigint, wanted timestamptz, OUT next_offset bigint, OUT slice_time timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT c.first_offset, c.slice_time INTO next_offset, slice_time FROM leat.chunk c
    WHERE c.partition_id = id AND c.slice_time >= wanted ORDER BY c.slice_time LIMIT 1;
    IF NOT FOUND THEN
        SELECT t.next_offset, t.slice_time INTO next_offset, slice_time FROM leat.tail(id) AS t;
        next_offset := coalesce(next_offset, 0);
        slice_time := coalesce(slice_time, to_timestamp(0));
    END IF;
END
$$;

-- The part of a source's log between two times, by partitions: everything that was accepted from the one on and not after
-- the other, the older generations first.
CREATE FUNCTION leat.replay_range(source bigint, from_at timestamptz, until_at timestamptz)
RETURNS TABLE (partition_id bigint, start_offset bigint, start_time timestamptz, end_offset bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    id bigint;
    first record;
    rest record;
BEGIN
    FOREACH id IN ARRAY leat.partitions(source) LOOP
        SELECT p.* INTO first FROM leat.place_at(id, from_at) AS p;
        SELECT p.* INTO rest FROM leat.place_at(id, until_at + interval '1 microsecond') AS p;
        partition_id := id;
        start_offset := first.next_offset;
        start_time := first.slice_time;
        end_offset := greatest(rest.next_offset, first.next_offset);
        RETURN NEXT;
    END LOOP;
END
$$;

-- Makes a replay of a part of the log with the beginnings of its lanes, and gives its number. Inside a change of the
-- catalog, so that no generation opens or retires meanwhile.
CREATE FUNCTION leat.add_replay(
    its_connection bigint, its_kind text, its_from timestamptz, its_until timestamptz, its_filter text, its_rate bigint,
    its_who text
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    id bigint := nextval(pg_get_serial_sequence('leat.connection', 'connection_id'));
    its_source bigint;
    clipped timestamptz := least(its_until, clock_timestamp());
    lane record;
    ids bigint[] := '{}';
    starts bigint[] := '{}';
    ends bigint[] := '{}';
BEGIN
    SELECT c.source_id INTO STRICT its_source FROM leat.connection c WHERE c.connection_id = its_connection;
    FOR lane IN SELECT r.* FROM leat.replay_range(its_source, its_from, clipped) AS r LOOP
        ids := ids || lane.partition_id;
        starts := starts || lane.start_offset;
        ends := ends || lane.end_offset;
        INSERT INTO leat.checkpoint VALUES (
            lane.partition_id, id, clock_timestamp(), 0, 0, lane.start_offset, lane.start_offset, lane.start_time, '',
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        );
    END LOOP;
    INSERT INTO leat.replay (
        replay_id, connection_id, source_id, kind, from_at, until_at, filter, rate, state, who, partition_ids,
        start_offsets, end_offsets
    ) VALUES (id, its_connection, its_source, its_kind, its_from, clipped, its_filter, its_rate, 'running', its_who, ids, starts, ends);
    RETURN id;
END
$$;

-- The dead letters of a connection, and of the replays to it, that somebody wishes for: by stage, code, plugin, user (the
-- hash), since and before (in microseconds), replay, and letters, which are named by partition, consumer, time, offset and
-- part. What a wish does not say does not matter. Those that were taken up before only if it says again.
CREATE FUNCTION leat.letters_of(id bigint, its_connection bigint, wish jsonb)
RETURNS TABLE (consumer_id bigint, died_at timestamptz, event_offset bigint, part integer, slice_time timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT d.consumer_id, d.died_at, d.event_offset, d.part, d.slice_time FROM leat.dead_letter d
    WHERE d.partition_id = id AND (d.consumer_id = its_connection OR d.consumer_id IN (
            SELECT r.replay_id FROM leat.replay r WHERE r.connection_id = its_connection
        ))
        AND (wish ->> 'stage' IS NULL OR d.stage = wish ->> 'stage')
        AND (wish ->> 'code' IS NULL OR d.code = wish ->> 'code')
        AND (
            wish ->> 'plugin' IS NULL OR d.plugin = wish ->> 'plugin' OR split_part(d.plugin, '@', 1) = wish ->> 'plugin'
        )
        AND (wish ->> 'user' IS NULL OR d.user_hash = (wish ->> 'user')::bigint)
        AND (wish ->> 'replay' IS NULL OR d.consumer_id = (wish ->> 'replay')::bigint)
        AND (
            wish ->> 'since' IS NULL
            OR d.died_at >= timestamptz 'epoch' + (wish ->> 'since')::bigint * interval '1 microsecond'
        )
        AND (
            wish ->> 'before' IS NULL
            OR d.died_at <= timestamptz 'epoch' + (wish ->> 'before')::bigint * interval '1 microsecond'
        )
        AND (
            wish -> 'letters' IS NULL
            OR wish -> 'letters' ? format(
                '%s-%s-%s-%s-%s', id, d.consumer_id, (extract(epoch FROM d.died_at) * 1000000)::bigint, d.event_offset,
                d.part
            )
        )
        AND ((wish ->> 'again')::boolean OR d.requeued_by IS NULL)
$$;

-- What a requeue of such dead letters would take up: how many, of how many events, on which of the source's partitions.
CREATE FUNCTION leat.count_letters(its_connection bigint, wish jsonb)
RETURNS TABLE (partition_id bigint, letters bigint, events bigint, first_offset bigint, last_offset bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    id bigint;
BEGIN
    FOREACH id IN ARRAY leat.partitions((
        SELECT c.source_id FROM leat.connection c WHERE c.connection_id = its_connection
    )) LOOP
        SELECT id, count(*), count(DISTINCT l.event_offset), min(l.event_offset), max(l.event_offset)
        INTO partition_id, letters, events, first_offset, last_offset
        FROM leat.letters_of(id, its_connection, wish) AS l;
        IF letters > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Makes a replay of such dead letters, marks them as its own, and gives its number; NULL if there are none. Its lanes
-- reach from the first to the last of them; what lies between counts as filtered.
CREATE FUNCTION leat.add_requeue(its_connection bigint, wish jsonb, its_rate bigint, its_who text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    its_id bigint := nextval(pg_get_serial_sequence('leat.connection', 'connection_id'));
    id bigint;
    its_source bigint;
    now_at timestamptz := clock_timestamp();
    lane record;
    ids bigint[] := '{}';
    starts bigint[] := '{}';
    ends bigint[] := '{}';
    total bigint := 0;
BEGIN
    SELECT c.source_id INTO STRICT its_source FROM leat.connection c WHERE c.connection_id = its_connection;
    FOREACH id IN ARRAY leat.partitions(its_source) LOOP
        UPDATE leat.dead_letter AS d SET requeued_by = its_id, requeued_at = now_at
        FROM leat.letters_of(id, its_connection, wish) AS l
        WHERE d.partition_id = id AND d.consumer_id = l.consumer_id AND d.died_at = l.died_at
            AND d.event_offset = l.event_offset AND d.part = l.part;
        SELECT count(DISTINCT d.event_offset) AS events, min(d.event_offset) AS first, max(d.event_offset) AS last,
            min(d.slice_time) AS first_at
        INTO lane FROM leat.dead_letter d WHERE d.partition_id = id AND d.requeued_by = its_id;
        CONTINUE WHEN lane.events = 0;
        ids := ids || id;
        starts := starts || lane.first;
        ends := ends || lane.last + 1;
        total := total + lane.events;
        INSERT INTO leat.checkpoint VALUES (
            id, its_id, clock_timestamp(), 0, 0, lane.first, lane.first, lane.first_at, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        );
    END LOOP;
    IF total = 0 THEN
        RETURN NULL;
    END IF;
    INSERT INTO leat.replay (
        replay_id, connection_id, source_id, kind, from_at, until_at, filter, rate, state, who, partition_ids,
        start_offsets, end_offsets, letters
    ) VALUES (
        its_id, its_connection, its_source, 'letters',
        timestamptz 'epoch' + coalesce((wish ->> 'since')::bigint, 0) * interval '1 microsecond',
        least(timestamptz 'epoch' + (wish ->> 'before')::bigint * interval '1 microsecond', now_at),
        '{}', its_rate, 'running', its_who, ids, starts, ends, total
    );
    RETURN its_id;
END
$$;

-- How far the lanes of replays that have not ended are, by replay and partition: their places, whether anything is
-- settled beyond, and how much is parked.
CREATE FUNCTION leat.replay_lanes(replays bigint[])
RETURNS TABLE (
    replay_id bigint, partition_id bigint, start_offset bigint, end_offset bigint, next_offset bigint, beyond bigint,
    parked bigint, counts bigint[]
)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    its record;
    lane leat.checkpoint;
BEGIN
    FOR its IN
        SELECT r.replay_id, u.id, u.first, u.rest FROM leat.replay r, unnest(r.partition_ids, r.start_offsets, r.end_offsets)
            AS u (id, first, rest)
        WHERE r.replay_id = ANY (replays) AND r.ended_at IS NULL ORDER BY r.replay_id, u.id
    LOOP
        SELECT c.* INTO lane FROM leat.checkpoint c
        WHERE c.partition_id = its.id AND c.consumer_id = its.replay_id ORDER BY c.written_at DESC LIMIT 1;
        CONTINUE WHEN NOT FOUND;
        replay_id := its.replay_id;
        partition_id := its.id;
        start_offset := its.first;
        end_offset := its.rest;
        next_offset := lane.next_offset;
        beyond := bit_count(lane.settled);
        parked := (SELECT count(*) FROM leat.parked p WHERE p.partition_id = its.id AND p.consumer_id = its.replay_id);
        counts := ARRAY[
            lane.expired, lane.read, lane.duplicates, lane.filtered, lane.dropped, lane.failed, lane.transformed,
            lane.emitted, lane.delivered, lane.dead_lettered, lane.waiting
        ];
        RETURN NEXT;
    END LOOP;
END
$$;

-- Ends the lanes of a replay and keeps what they had counted in its row. With `its_state` NULL it must have been stopped;
-- 'done' is refused, without an error, unless every lane is at its end and nothing of it waits. It commits inside, so that
-- a node that is stopped meanwhile keeps no lease locked.
CREATE PROCEDURE leat.end_replay(its_id bigint, its_state text, its_reason text)
LANGUAGE plpgsql AS $$
DECLARE
    its leat.replay;
    id bigint;
    lane record;
    sums bigint[] := array_fill(0::bigint, ARRAY[11]);
    is_over boolean := true;
BEGIN
    PERFORM FROM leat.catalog_revision FOR UPDATE;
    SELECT r.* INTO its FROM leat.replay r WHERE r.replay_id = its_id AND r.ended_at IS NULL FOR UPDATE;
    IF NOT FOUND OR its_state IS NULL AND its.state <> 'stopped' THEN
        COMMIT;
        RETURN;
    END IF;
    -- Nobody commits for them from here on.
    FOR id IN SELECT u FROM unnest(its.partition_ids) AS u ORDER BY u LOOP
        PERFORM true FROM leat.lease l WHERE l.partition_id = id FOR UPDATE;
    END LOOP;
    FOR lane IN SELECT l.* FROM leat.replay_lanes(ARRAY[its_id]) AS l LOOP
        is_over := is_over AND lane.next_offset >= lane.end_offset AND lane.beyond = 0 AND lane.parked = 0;
        FOR i IN 1 .. 11 LOOP
            sums[i] := sums[i] + lane.counts[i];
        END LOOP;
    END LOOP;
    IF its_state = 'done' AND NOT is_over THEN
        COMMIT;
        RETURN;
    END IF;
    PERFORM leat.end_lanes(its_id, its.partition_ids);
    UPDATE leat.replay AS r SET state = coalesce(its_state, r.state), counts = sums, ended_at = clock_timestamp(),
        changed_at = clock_timestamp(), reason = CASE WHEN its_reason = '' THEN r.reason ELSE its_reason END
    WHERE r.replay_id = its_id;
    PERFORM leat.catalog_changed(
        'leat',
        ARRAY[format('~ replay %s: %s, %s events read, %s delivered%s', its_id, coalesce(its_state, its.state), sums[2],
            sums[9], CASE WHEN its_reason = '' THEN '' ELSE ', ' || its_reason END)]
    );
    COMMIT;
END
$$;
