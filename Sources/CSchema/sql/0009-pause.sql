-- What an operator, or a server, says of a destination beside its declaration: it stands still since `paused_at`; with
-- `drain_until`, what was accepted up to then is still delivered.
ALTER TABLE leat.destination
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_by text,
    ADD COLUMN pause_reason text,
    ADD COLUMN drain_until timestamptz,
    ADD CONSTRAINT destination_pause CHECK (
        (paused_at IS NULL) = (paused_by IS NULL) AND (paused_at IS NULL) = (pause_reason IS NULL)
        AND (drain_until IS NULL OR paused_at IS NOT NULL)
    );
