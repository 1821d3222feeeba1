-- What tells a bot from a person, kept so that it can be judged anew: `operator` names who runs it, `evidence` is the
-- mask of independent signals (rules/evidence.py). `load_id` is that of the document served (48 random bits and a
-- 16-bit MAC), 0 where the edge gave none; `is_first` marks the first page view of that load, so that the capture rate
-- is a count of rows and needs no join (INGESTION 5.6). The id says nothing once its hit is counted, so it lives 3 days.
alter table events add column if not exists load_id UInt64 ttl toDateTime(ts) + interval 3 day codec(ZSTD(1)) after scroll;
alter table events add column if not exists is_first Bool after load_id;
alter table events add column if not exists operator LowCardinality(String) after bot;
alter table events add column if not exists evidence UInt32 after operator;
alter table sessions add column if not exists operator LowCardinality(String) after bot;
alter table sessions add column if not exists evidence UInt32 after operator;
