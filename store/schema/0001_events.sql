-- One row an event. Written only by a shard's writer (edge/forwarder) and by the importer.
-- (shard, generation, stream_ms, stream_seq) is the order of truth; imports use shard 255, the import's id as
-- generation and the line number as stream_ms. local_day equals the salt period of the visit (INGESTION 1.5), so a
-- row's local_day may lie before the local date of its ts. The visit's fixed attributes stand on every row, so that a
-- filter on them needs no join. The window is INGESTION 3.5; fsync is 3.8 (about 10 ms an insert), because the writer
-- trims the stream as soon as a batch is in.
create table if not exists events (
    site_id UInt32,
    ts DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    local_day Date,
    shard UInt8,
    generation UInt64 codec(ZSTD(1)),
    stream_ms UInt64 codec(Delta, ZSTD(1)),
    stream_seq UInt32,
    visit_id UInt64,
    visitor UInt64,
    name LowCardinality(String),
    interactive Bool,
    hostname LowCardinality(String),
    path String codec(ZSTD(1)),
    props Map(LowCardinality(String), String) codec(ZSTD(1)),
    revenue_minor Int64,
    currency LowCardinality(String),
    engaged_ms UInt32,
    scroll UInt8,
    referrer String codec(ZSTD(1)),
    source LowCardinality(String),
    channel LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_content LowCardinality(String),
    utm_term LowCardinality(String),
    click_id LowCardinality(String),
    country LowCardinality(String),
    region LowCardinality(String),
    city LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    os_version LowCardinality(String),
    device LowCardinality(String),
    screen LowCardinality(String),
    language LowCardinality(String),
    bot LowCardinality(String),
    index local_day_range local_day type minmax granularity 1
)
engine = MergeTree
partition by toYYYYMM(ts)
order by (site_id, toDate(ts), visit_id, ts)
settings non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1;
