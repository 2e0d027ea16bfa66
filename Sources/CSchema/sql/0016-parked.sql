-- What a dead letter of something that was parked needs, and what the answers 429 to it were.

ALTER TABLE leat.parked
    -- The event as it was accepted: empty where the payload is that; NULL where it is not known, or is read from the log
    -- again with the event.
    ADD COLUMN payload_before bytea,
    -- The latest tries with what was sent and answered, one JSON text a line.
    ADD COLUMN history text,
    -- Answers 429 while others were served.
    ADD COLUMN own_throttles integer NOT NULL DEFAULT 0;
