-- One visit as -1/+1 pairs of rows: the writer cancels the row it wrote before and writes the new state, so additive
-- numbers are sum(sign * x) without FINAL. `anchor` is the time of the event that opened the visit and never moves;
-- entry, exit, bounce, durations and counts may (NUMBERS 16). `version` counts the visit's states.
-- last_alive, entry_at, exit_at, generation and the last stream id are what a rebuild after the loss of Redis needs.
create table if not exists sessions (
    site_id UInt32,
    visit_id UInt64,
    visitor UInt64,
    local_day Date,
    anchor DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    start_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    end_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    last_alive DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    entry_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    exit_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    duration_ms UInt64,
    engaged_ms UInt64,
    pageviews UInt32,
    events UInt32,
    interactive_events UInt32,
    is_bounce UInt8,
    entry_page String codec(ZSTD(1)),
    entry_hostname LowCardinality(String),
    exit_page String codec(ZSTD(1)),
    exit_hostname LowCardinality(String),
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
    shard UInt8,
    generation UInt64 codec(ZSTD(1)),
    last_stream_ms UInt64 codec(Delta, ZSTD(1)),
    last_stream_seq UInt32,
    version UInt32,
    sign Int8,
    index local_day_range local_day type minmax granularity 1
)
engine = VersionedCollapsingMergeTree(sign, version)
partition by toYYYYMM(anchor)
order by (site_id, toDate(anchor), visit_id)
settings non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1;
