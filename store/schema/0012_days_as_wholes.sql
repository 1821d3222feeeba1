-- A day as a whole stands in the row that makes its build known: the figures and series of a site read a row a day there.
-- Builds of before have none (-1), count as none, and are made anew (store/rollup.py).
alter table rollup_builds add column if not exists n_visitors Int64 default -1;
alter table rollup_builds add column if not exists n_visits Int64 default -1;
alter table rollup_builds add column if not exists n_pageviews Int64 default -1;
alter table rollup_builds add column if not exists n_events Int64 default -1;
alter table rollup_builds add column if not exists n_bounces Int64 default -1;
alter table rollup_builds add column if not exists n_duration_ms Int64 default -1;
alter table rollup_builds add column if not exists n_engaged_ms Int64 default -1;
alter table rollup_builds add column if not exists n_engaged_visits Int64 default -1;
alter table rollup_builds add column if not exists n_entrances Int64 default -1;
alter table rollup_builds add column if not exists n_exits Int64 default -1;
