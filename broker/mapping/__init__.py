"""Wire JSON to values: the only place that knows the broker's names and quirks (iifl_api §2, §3, §7). All pure."""
