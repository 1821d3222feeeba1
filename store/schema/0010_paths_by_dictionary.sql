-- A site's paths are few beside its events: as numbers of a dictionary they are read and compared several times faster.
alter table events modify column path LowCardinality(String);
