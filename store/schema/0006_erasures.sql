-- One row an erasure that a shard's writer has carried out: a whole site (`reset`) or part of one (`erase`). It says by
-- what was chosen, never the values, which may be what somebody wanted forgotten. Imports count a site's resets, so that
-- the same file may be brought in again after one. Written only by the shard's writer (edge/forwarder/erase.py).
create table if not exists erasures (
    site_id UInt32,
    asked_at DateTime64(3, 'UTC'),
    done_at DateTime64(3, 'UTC') default now64(3),
    kind LowCardinality(String),
    chosen_by Array(LowCardinality(String)),
    events UInt64,
    shard UInt8,
    generation UInt64,
    stream_ms UInt64,
    stream_seq UInt32
)
engine = MergeTree
order by (site_id, shard, generation, stream_ms, stream_seq)
settings non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1;
