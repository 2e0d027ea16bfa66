-- Notes how many dead letters of each consumer go with a slice that is to be dropped, once however often it is called.
-- When a slice is counted those before it are gone, so their counts are added up in one row per consumer.
CREATE FUNCTION leat.count_expired_letters(before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    it record;
BEGIN
    SELECT s.name, to_timestamp(split_part(s.name, '_', 3)::bigint) AS lower_at INTO it
    FROM leat.slices('dead_letter') AS s
    WHERE s.state = 'attached' AND to_timestamp(split_part(s.name, '_', 4)::bigint) = before;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    WITH old AS (
        DELETE FROM leat.dead_letter_expired WHERE upper_at <= it.lower_at AND lower_at > '-infinity'
        RETURNING consumer_id, letters
    )
    INSERT INTO leat.dead_letter_expired AS e (consumer_id, lower_at, upper_at, letters)
    SELECT consumer_id, '-infinity', it.lower_at, sum(letters) FROM old GROUP BY consumer_id
    ON CONFLICT (consumer_id, lower_at)
    DO UPDATE SET letters = e.letters + excluded.letters, upper_at = excluded.upper_at;
    EXECUTE format(
        'INSERT INTO leat.dead_letter_expired (consumer_id, lower_at, upper_at, letters)
        SELECT consumer_id, $1, $2, count(*) FROM leat.%I GROUP BY consumer_id
        ON CONFLICT (consumer_id, lower_at) DO NOTHING', it.name
    ) USING it.lower_at, before;
END
$$;

-- Keeps another event beside a dead letter, or forgets it where there is none, and notes in the audit trail who did it;
-- false when the dead letter is not there.
CREATE FUNCTION leat.edit_letter(
    id bigint, consumer bigint, at timestamptz, its_offset bigint, its_part integer, payload bytea, who text, what text
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leat.dead_letter d
    SET edited_payload = payload,
        edited_at = CASE WHEN payload IS NULL THEN NULL ELSE clock_timestamp() END,
        edited_by = CASE WHEN payload IS NULL THEN NULL ELSE who END
    WHERE d.partition_id = id AND d.consumer_id = consumer AND d.died_at = at AND d.event_offset = its_offset
        AND d.part = its_part;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO leat.audit (who, what) SELECT edit_letter.who, edit_letter.what;
    RETURN true;
END
$$;
