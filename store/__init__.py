"""The ClickHouse contract that edge and portal share: schema, client, embedded engine, queries."""
