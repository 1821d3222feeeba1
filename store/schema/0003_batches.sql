-- One marker row a finished batch: a writer that takes over and finds a recorded plan asks here first whether the
-- batch is already in (INGESTION 3.3, 3.5). Import chunks leave theirs with shard 255.
create table if not exists batches (
    shard UInt8,
    generation UInt64,
    first_ms UInt64,
    first_seq UInt32,
    last_ms UInt64,
    last_seq UInt32,
    event_rows UInt32,
    session_rows UInt32,
    written_at DateTime64(3, 'UTC') default now64(3)
)
engine = MergeTree
order by (shard, generation, first_ms, first_seq)
settings non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1;
