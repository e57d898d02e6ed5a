"""The rate limiter that all processes share, for sources that count calls."""
