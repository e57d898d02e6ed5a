"""Judging alerts by live prices: the rule, the index in memory, the part that runs in the feed's process."""
