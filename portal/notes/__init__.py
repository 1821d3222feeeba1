"""Notes: what happened on a day, as a flag at the graphs."""
