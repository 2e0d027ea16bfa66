-- What people do with dead letters, beside what is kept of them; what was kept is never changed.

ALTER TABLE leat.dead_letter
    -- The event that is taken instead of the one as accepted when the dead letter is requeued; NULL where nobody edited
    -- it, and after that was undone.
    ADD COLUMN edited_payload bytea,
    ADD COLUMN edited_at timestamptz,
    -- The name of the token.
    ADD COLUMN edited_by text,
    -- The last time that it was taken up again, and the consumer that took it.
    ADD COLUMN requeued_at timestamptz,
    ADD COLUMN requeued_by bigint;

-- How many dead letters of a consumer went with their slice when it had had its time.
CREATE TABLE leat.dead_letter_expired (
    consumer_id bigint NOT NULL,
    -- Of the slice.
    lower_at timestamptz NOT NULL,
    upper_at timestamptz NOT NULL,
    letters bigint NOT NULL CHECK (letters > 0),
    PRIMARY KEY (consumer_id, lower_at)
);
