-- What other products counted before the site came here (docs/adr/0025). `imports` is a log, one row an act: `begun`,
-- `added` (everything is in) and `removed`; totals are read only of an import that was added and not removed, so one row
-- makes them known at once and one row hides them. `holds` says what totals can tell, as "reading dimension ingredient".
-- Imports of events are here to be listed and removed; their rows carry shard 255 and the import's id as generation.
create table if not exists imports (
    site_id UInt32,
    import_id UInt64,
    act LowCardinality(String),
    kind LowCardinality(String),
    format LowCardinality(String),
    file String,
    digest String,
    first_day Date,
    last_day Date,
    row_count UInt64,
    holds Array(LowCardinality(String)),
    at DateTime64(3, 'UTC') default now64(3)
)
engine = MergeTree
order by (site_id, import_id)
settings non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Imported totals of whole days, in the columns of `rollups`: a part of a question adds them to its own.
create table if not exists imported_totals (
    site_id UInt32,
    import_id UInt64,
    local_day Date,
    reading LowCardinality(String),
    dimension LowCardinality(String),
    value String codec(ZSTD(1)),
    n_visitors Int64 codec(T64, ZSTD(1)),
    n_visits Int64 codec(T64, ZSTD(1)),
    n_pageviews Int64 codec(T64, ZSTD(1)),
    n_events Int64 codec(T64, ZSTD(1)),
    n_bounces Int64 codec(T64, ZSTD(1)),
    n_duration_ms Int64 codec(T64, ZSTD(1)),
    n_engaged_ms Int64 codec(T64, ZSTD(1)),
    n_engaged_visits Int64 codec(T64, ZSTD(1)),
    n_entrances Int64 codec(T64, ZSTD(1)),
    n_exits Int64 codec(T64, ZSTD(1)),
    n_scroll_sum Int64 codec(T64, ZSTD(1)),
    n_scroll_visits Int64 codec(T64, ZSTD(1))
)
engine = MergeTree
order by (site_id, dimension, reading, local_day)
settings non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1;
