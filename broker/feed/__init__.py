"""The feed: one process that follows the broker's stream for the whole site (docs/broker/stream.md)."""
