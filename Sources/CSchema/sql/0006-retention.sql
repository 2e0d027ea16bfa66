-- What a lane that lags may do to the log, what a source may send, and how large the log's slices are.

-- hold: slices stay until the connection has read them. expire: they go at their time, and what it had not read counts
-- as expired.
ALTER TABLE leat.connection ADD COLUMN lag text NOT NULL DEFAULT 'hold' CHECK (lag IN ('hold', 'expire'));

-- NULL for no limit.
ALTER TABLE leat.source
    ADD COLUMN events_per_second bigint CHECK (events_per_second > 0),
    ADD COLUMN bytes_per_second bigint CHECK (bytes_per_second > 0),
    ADD COLUMN bytes_per_day bigint CHECK (bytes_per_day > 0);

-- The slices of the log that are over, each measured once, so that nobody adds up their rows again. A row outlives its
-- slice by two days, for the sake of daily limits.
CREATE TABLE leat.slice (
    lower_at timestamptz PRIMARY KEY,
    upper_at timestamptz NOT NULL,
    -- On disk, with everything that belongs to it.
    bytes bigint NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What each source has in them.
CREATE TABLE leat.slice_source (
    lower_at timestamptz NOT NULL,
    source_id bigint NOT NULL,
    events bigint NOT NULL,
    -- Of bodies, before compression.
    bytes bigint NOT NULL,
    -- Of chunks, as they are stored.
    stored_bytes bigint NOT NULL,
    PRIMARY KEY (lower_at, source_id)
);
