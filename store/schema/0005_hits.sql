-- One row a document that an edge served, best effort (INGESTION 5.6; edge/hits): `kind` is document, script (the
-- tracker was fetched) or activated (a document fetched ahead was shown). The capture rate is the count of events with
-- is_first over that of hits whose `capture` is eligible or meta_policy: no join. `visitor` is the hash of the salt
-- period, 0 for who refuses to be counted; it tells whose browser never fetched the script. The id of the load says
-- nothing once it is counted, so it lives 3 days.
create table if not exists hits (
    site_id UInt32,
    ts DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
    local_day Date,
    visitor UInt64,
    kind LowCardinality(String),
    method LowCardinality(String),
    status UInt16,
    outcome LowCardinality(String),
    capture LowCardinality(String),
    refusal LowCardinality(String),
    hostname LowCardinality(String),
    path String codec(ZSTD(1)),
    referrer_host String codec(ZSTD(1)),
    from_path String codec(ZSTD(1)),
    redirect String codec(ZSTD(1)),
    sent_bytes UInt64,
    ttfb_ms UInt32,
    duration_ms UInt32,
    is_complete Bool,
    load_id UInt64 ttl toDateTime(ts) + interval 3 day codec(ZSTD(1)),
    country LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    device LowCardinality(String),
    bot LowCardinality(String),
    operator LowCardinality(String),
    evidence UInt32,
    index local_day_range local_day type minmax granularity 1
)
engine = MergeTree
partition by toYYYYMM(ts)
order by (site_id, toDate(ts), kind, ts)
settings non_replicated_deduplication_window = 20000;
