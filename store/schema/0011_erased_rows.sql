-- What a certificate of an erasure says: under which request it was asked for, how many rows of each table it took, and how
-- many were left when the writer looked again. Written with the row, never changed (edge/forwarder/erase.py).
alter table erasures add column if not exists request String default '' after kind;
alter table erasures add column if not exists rows_erased Map(LowCardinality(String), UInt64) after events;
alter table erasures add column if not exists rows_left Map(LowCardinality(String), UInt64) after rows_erased;
