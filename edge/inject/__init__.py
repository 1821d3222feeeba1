"""Pure streaming injection: whether a response gets the tag, where, and what its headers become."""
