"""The low-level API: fetch-through for one key or several."""
