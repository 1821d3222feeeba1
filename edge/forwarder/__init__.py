"""From Redis Streams to ClickHouse, exactly once: visits, batches, plans, checkpoints."""
