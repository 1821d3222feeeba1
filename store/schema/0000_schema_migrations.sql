-- One row a schema file that has been applied. Written only by store/migrate.py, which runs this file before all others
-- on every start. checksum is the SHA-256 of the file, so that a file changed after the fact is noticed.
create table if not exists schema_migrations (
    number UInt32,
    name String,
    checksum FixedString(64),
    applied_at DateTime64(3, 'UTC') default now64(3)
)
engine = MergeTree
order by number;
