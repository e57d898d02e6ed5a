"""Pure functions from the broker's JSON to values: its names and quirks are known only here (iifl_api §2, §3, §7)."""
