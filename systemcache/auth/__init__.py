"""Authentication by token and session, and permissions, from the cache."""
