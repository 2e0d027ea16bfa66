-- How long plugins take and how much they are given, as the host measures it: one row per plugin version, stage, node
-- and flush, written once a minute and never changed. Rows of all nodes add up, because buckets are values with counts.
CREATE TABLE leat.timing (
    plugin_id text NOT NULL,
    version text NOT NULL,
    -- creation and execution in microseconds; input_bytes, input_events and output_bytes as they say.
    stage text NOT NULL CHECK (stage IN ('creation', 'execution', 'input_bytes', 'input_events', 'output_bytes')),
    -- Of the flush, by the node's clock: the same whenever the flush is sent again.
    minute timestamptz NOT NULL,
    node_id bigint NOT NULL,
    -- Counts the flushes of a node, so that one whose answer was lost can be sent again.
    flush bigint NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    sum bigint NOT NULL,
    max bigint NOT NULL,
    -- Sparse buckets: bucket_counts[i] values lay in the bucket that ends at bucket_values[i].
    bucket_values bigint[] NOT NULL,
    bucket_counts bigint[] NOT NULL CHECK (cardinality(bucket_counts) = cardinality(bucket_values)),
    -- How many of them failed, by cause.
    failure_causes text[] NOT NULL,
    failure_counts bigint[] NOT NULL CHECK (cardinality(failure_counts) = cardinality(failure_causes)),
    PRIMARY KEY (plugin_id, version, stage, minute, node_id, flush)
);
-- Retention deletes by it.
CREATE INDEX timing_minute ON leat.timing (minute);
