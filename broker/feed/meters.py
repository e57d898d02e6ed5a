"""Counters of the feed, summed over all processes."""

from systemcache.stats.meters import Meter

PACKETS = Meter("feed_packets", "Packets that arrived on the broker's stream", "kind")
BAD_PACKETS = Meter("feed_bad_packets", "Packets that could not be used: too short, garbage, without divisor", "reason")
WRITES = Meter("feed_writes", "Values that the feed wrote to the cache", "family")
CONNECTIONS = Meter("feed_connections", "Connections to the broker's stream that were made, or lost", "event")
REFUSED = Meter("feed_subscriptions_refused", "Topics that the broker's stream refused", "kind")

BAD_REASONS = ("short", "implausible", "divisor", "topic", "json", "unreadable")
CONNECTION_EVENTS = ("made", "lost", "token_refused")
