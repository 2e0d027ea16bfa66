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
        CONTINUE WHEN EXISTS (SELECT FROM leat.chunk c WHERE c.partition_id = id AND c.slice_time >= before);
        PERFORM FROM leat.partition p WHERE p.partition_id = id FOR NO KEY UPDATE;
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

-- Copies the last checkpoint of every lane that was quiet since `before` into the present.
CREATE FUNCTION leat.carry_checkpoints(before timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    lane record;
    last leat.checkpoint;
    carried integer := 0;
BEGIN
    FOR lane IN
        SELECT c.partition_id, c.consumer_id FROM leat.checkpoint c WHERE c.written_at < before
        GROUP BY c.partition_id, c.consumer_id ORDER BY c.partition_id, c.consumer_id
    LOOP
        -- No commit of the lane can come between: its node holds this row while it commits.
        PERFORM FROM leat.lease l WHERE l.partition_id = lane.partition_id FOR UPDATE;
        SELECT * INTO last FROM leat.checkpoint c
        WHERE c.partition_id = lane.partition_id AND c.consumer_id = lane.consumer_id
        ORDER BY c.written_at DESC LIMIT 1;
        CONTINUE WHEN last.written_at >= before;
        last.written_at := clock_timestamp();
        INSERT INTO leat.checkpoint SELECT last.*;
        carried := carried + 1;
    END LOOP;
    RETURN carried;
END
$$;
