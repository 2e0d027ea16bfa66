-- What each server last said of delivery to a destination, for whoever asks another one: at most once a second, and only
-- when it is something else than before. It goes with the server.
CREATE TABLE leat.destination_report (
    node_id bigint NOT NULL REFERENCES leat.node ON DELETE CASCADE,
    destination_id bigint NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    report text NOT NULL,
    PRIMARY KEY (node_id, destination_id)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
