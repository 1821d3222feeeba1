CREATE TABLE batches
(
    `shard` UInt8,
    `generation` UInt64,
    `first_ms` UInt64,
    `first_seq` UInt32,
    `last_ms` UInt64,
    `last_seq` UInt32,
    `event_rows` UInt32,
    `session_rows` UInt32,
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (shard, generation, first_ms, first_seq)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE dirty_days
(
    `site_id` UInt32,
    `local_day` Date,
    `dirty_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(dirty_at)
ORDER BY (site_id, local_day)
SETTINGS index_granularity = 8192;

CREATE TABLE erasures
(
    `site_id` UInt32,
    `asked_at` DateTime64(3, 'UTC'),
    `done_at` DateTime64(3, 'UTC') DEFAULT now64(3),
    `kind` LowCardinality(String),
    `request` String DEFAULT '',
    `chosen_by` Array(LowCardinality(String)),
    `events` UInt64,
    `rows_erased` Map(LowCardinality(String), UInt64),
    `rows_left` Map(LowCardinality(String), UInt64),
    `shard` UInt8,
    `generation` UInt64,
    `stream_ms` UInt64,
    `stream_seq` UInt32
)
ENGINE = MergeTree
ORDER BY (site_id, shard, generation, stream_ms, stream_seq)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE events
(
    `site_id` UInt32,
    `ts` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `local_day` Date,
    `shard` UInt8,
    `generation` UInt64 CODEC(ZSTD(1)),
    `stream_ms` UInt64 CODEC(Delta(8), ZSTD(1)),
    `stream_seq` UInt32,
    `visit_id` UInt64,
    `visitor` UInt64,
    `name` LowCardinality(String),
    `interactive` Bool,
    `hostname` LowCardinality(String),
    `path` LowCardinality(String) CODEC(ZSTD(1)),
    `props` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `revenue_minor` Int64,
    `currency` LowCardinality(String),
    `engaged_ms` UInt32,
    `scroll` UInt8,
    `load_id` UInt64 CODEC(ZSTD(1)) TTL toDateTime(ts) + toIntervalDay(3),
    `is_first` Bool,
    `referrer` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `channel` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_term` LowCardinality(String),
    `click_id` LowCardinality(String),
    `country` LowCardinality(String),
    `region` LowCardinality(String),
    `city` LowCardinality(String),
    `browser` LowCardinality(String),
    `browser_version` LowCardinality(String),
    `os` LowCardinality(String),
    `os_version` LowCardinality(String),
    `device` LowCardinality(String),
    `screen` LowCardinality(String),
    `language` LowCardinality(String),
    `bot` LowCardinality(String),
    `operator` LowCardinality(String),
    `evidence` UInt32,
    INDEX local_day_range local_day TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (site_id, toDate(ts), visit_id, ts)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE hits
(
    `site_id` UInt32,
    `ts` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `local_day` Date,
    `visitor` UInt64,
    `kind` LowCardinality(String),
    `method` LowCardinality(String),
    `status` UInt16,
    `outcome` LowCardinality(String),
    `capture` LowCardinality(String),
    `refusal` LowCardinality(String),
    `hostname` LowCardinality(String),
    `path` String CODEC(ZSTD(1)),
    `referrer_host` String CODEC(ZSTD(1)),
    `from_path` String CODEC(ZSTD(1)),
    `redirect` String CODEC(ZSTD(1)),
    `sent_bytes` UInt64,
    `ttfb_ms` UInt32,
    `duration_ms` UInt32,
    `is_complete` Bool,
    `load_id` UInt64 CODEC(ZSTD(1)) TTL toDateTime(ts) + toIntervalDay(3),
    `country` LowCardinality(String),
    `browser` LowCardinality(String),
    `browser_version` LowCardinality(String),
    `os` LowCardinality(String),
    `device` LowCardinality(String),
    `bot` LowCardinality(String),
    `operator` LowCardinality(String),
    `evidence` UInt32,
    INDEX local_day_range local_day TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (site_id, toDate(ts), kind, ts)
SETTINGS non_replicated_deduplication_window = 20000, index_granularity = 8192;

CREATE TABLE imported_totals
(
    `site_id` UInt32,
    `import_id` UInt64,
    `local_day` Date,
    `reading` LowCardinality(String),
    `dimension` LowCardinality(String),
    `value` String CODEC(ZSTD(1)),
    `n_visitors` Int64 CODEC(T64, ZSTD(1)),
    `n_visits` Int64 CODEC(T64, ZSTD(1)),
    `n_pageviews` Int64 CODEC(T64, ZSTD(1)),
    `n_events` Int64 CODEC(T64, ZSTD(1)),
    `n_bounces` Int64 CODEC(T64, ZSTD(1)),
    `n_duration_ms` Int64 CODEC(T64, ZSTD(1)),
    `n_engaged_ms` Int64 CODEC(T64, ZSTD(1)),
    `n_engaged_visits` Int64 CODEC(T64, ZSTD(1)),
    `n_entrances` Int64 CODEC(T64, ZSTD(1)),
    `n_exits` Int64 CODEC(T64, ZSTD(1)),
    `n_scroll_sum` Int64 CODEC(T64, ZSTD(1)),
    `n_scroll_visits` Int64 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site_id, dimension, reading, local_day)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE imports
(
    `site_id` UInt32,
    `import_id` UInt64,
    `act` LowCardinality(String),
    `kind` LowCardinality(String),
    `format` LowCardinality(String),
    `file` String,
    `digest` String,
    `first_day` Date,
    `last_day` Date,
    `row_count` UInt64,
    `holds` Array(LowCardinality(String)),
    `at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (site_id, import_id)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE rollup_builds
(
    `site_id` UInt32,
    `local_day` Date,
    `build` UInt64,
    `started_at` DateTime64(3, 'UTC'),
    `n_visitors` Int64 DEFAULT -1,
    `n_visits` Int64 DEFAULT -1,
    `n_pageviews` Int64 DEFAULT -1,
    `n_events` Int64 DEFAULT -1,
    `n_bounces` Int64 DEFAULT -1,
    `n_duration_ms` Int64 DEFAULT -1,
    `n_engaged_ms` Int64 DEFAULT -1,
    `n_engaged_visits` Int64 DEFAULT -1,
    `n_entrances` Int64 DEFAULT -1,
    `n_exits` Int64 DEFAULT -1
)
ENGINE = MergeTree
ORDER BY (site_id, local_day)
SETTINGS index_granularity = 8192;

CREATE TABLE rollups
(
    `site_id` UInt32,
    `local_day` Date,
    `reading` LowCardinality(String),
    `dimension` LowCardinality(String),
    `value` String CODEC(ZSTD(1)),
    `build` UInt64,
    `n_visitors` Int64 CODEC(T64, ZSTD(1)),
    `n_visits` Int64 CODEC(T64, ZSTD(1)),
    `n_pageviews` Int64 CODEC(T64, ZSTD(1)),
    `n_events` Int64 CODEC(T64, ZSTD(1)),
    `n_bounces` Int64 CODEC(T64, ZSTD(1)),
    `n_duration_ms` Int64 CODEC(T64, ZSTD(1)),
    `n_engaged_ms` Int64 CODEC(T64, ZSTD(1)),
    `n_engaged_visits` Int64 CODEC(T64, ZSTD(1)),
    `n_entrances` Int64 CODEC(T64, ZSTD(1)),
    `n_exits` Int64 CODEC(T64, ZSTD(1)),
    `n_scroll_sum` Int64 CODEC(T64, ZSTD(1)),
    `n_scroll_visits` Int64 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(local_day)
ORDER BY (site_id, dimension, reading, local_day, build)
SETTINGS index_granularity = 8192;

CREATE TABLE schema_migrations
(
    `number` UInt32,
    `name` String,
    `checksum` FixedString(64),
    `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY number
SETTINGS index_granularity = 8192;

CREATE TABLE sessions
(
    `site_id` UInt32,
    `visit_id` UInt64,
    `visitor` UInt64,
    `local_day` Date,
    `anchor` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `start_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `end_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `last_alive` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `entry_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `exit_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `duration_ms` UInt64,
    `engaged_ms` UInt64,
    `pageviews` UInt32,
    `events` UInt32,
    `interactive_events` UInt32,
    `is_bounce` UInt8,
    `entry_page` String CODEC(ZSTD(1)),
    `entry_hostname` LowCardinality(String),
    `exit_page` String CODEC(ZSTD(1)),
    `exit_hostname` LowCardinality(String),
    `referrer` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `channel` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_term` LowCardinality(String),
    `click_id` LowCardinality(String),
    `country` LowCardinality(String),
    `region` LowCardinality(String),
    `city` LowCardinality(String),
    `browser` LowCardinality(String),
    `browser_version` LowCardinality(String),
    `os` LowCardinality(String),
    `os_version` LowCardinality(String),
    `device` LowCardinality(String),
    `screen` LowCardinality(String),
    `language` LowCardinality(String),
    `bot` LowCardinality(String),
    `operator` LowCardinality(String),
    `evidence` UInt32,
    `shard` UInt8,
    `generation` UInt64 CODEC(ZSTD(1)),
    `last_stream_ms` UInt64 CODEC(Delta(8), ZSTD(1)),
    `last_stream_seq` UInt32,
    `version` UInt32,
    `sign` Int8,
    INDEX local_day_range local_day TYPE minmax GRANULARITY 1
)
ENGINE = VersionedCollapsingMergeTree(sign, version)
PARTITION BY toYYYYMM(anchor)
ORDER BY (site_id, toDate(anchor), visit_id)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE signals
(
    `site_id` UInt32,
    `kind` LowCardinality(String),
    `ts` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `local_day` Date,
    `shard` UInt8,
    `generation` UInt64 CODEC(ZSTD(1)),
    `stream_ms` UInt64 CODEC(Delta(8), ZSTD(1)),
    `stream_seq` UInt32,
    `visit_id` UInt64,
    `visitor` UInt64,
    `hostname` LowCardinality(String),
    `path` String CODEC(ZSTD(1)),
    `width_class` LowCardinality(String),
    `selector` String CODEC(ZSTD(1)),
    `selector_hash` UInt64 MATERIALIZED sipHash64(selector),
    `x` UInt16,
    `y` UInt16,
    `page_x` UInt16,
    `page_y` UInt32,
    `page_height` UInt32,
    `depth` UInt8,
    `bands` Array(UInt32) CODEC(ZSTD(1)),
    `label` LowCardinality(String),
    `detail` LowCardinality(String),
    `value` Float64,
    `message` String CODEC(ZSTD(1)),
    `file` String CODEC(ZSTD(1)),
    `line` UInt32,
    `position` UInt32,
    `error_hash` UInt64 MATERIALIZED sipHash64(label, message, file, line),
    `form` LowCardinality(String),
    `times` UInt32,
    `referrer` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `channel` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_term` LowCardinality(String),
    `click_id` LowCardinality(String),
    `country` LowCardinality(String),
    `region` LowCardinality(String),
    `city` LowCardinality(String),
    `browser` LowCardinality(String),
    `browser_version` LowCardinality(String),
    `os` LowCardinality(String),
    `os_version` LowCardinality(String),
    `device` LowCardinality(String),
    `screen` LowCardinality(String),
    `language` LowCardinality(String),
    `bot` LowCardinality(String),
    `operator` LowCardinality(String),
    `evidence` UInt32,
    INDEX local_day_range local_day TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (site_id, kind, toDate(ts), path, ts)
SETTINGS non_replicated_deduplication_window = 20000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;
