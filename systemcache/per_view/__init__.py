"""The per-view API: views whose responses come from the cache."""
