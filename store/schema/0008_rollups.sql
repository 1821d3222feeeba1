-- Sums of whole local days, one row a value of a dimension: what reports of a single dimension read (INGESTION 5.4).
-- A build of a day is valid once its row in rollup_builds is there (the one flip), and until the day is marked dirty.
create table if not exists rollups (
    site_id UInt32,
    local_day Date,
    reading LowCardinality(String),
    dimension LowCardinality(String),
    value String codec(ZSTD(1)),
    build UInt64,
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
partition by toYYYYMM(local_day)
order by (site_id, dimension, reading, local_day, build);

create table if not exists rollup_builds (
    site_id UInt32,
    local_day Date,
    build UInt64,
    started_at DateTime64(3, 'UTC')
)
engine = MergeTree
order by (site_id, local_day);

create table if not exists dirty_days (
    site_id UInt32,
    local_day Date,
    dirty_at DateTime64(3, 'UTC') default now64(3)
)
engine = ReplacingMergeTree(dirty_at)
order by (site_id, local_day);
