"""Meters of alerts."""

from systemcache.stats.meters import Meter

FIRED = Meter("alerts_fired", "Alerts that have fired", "kind")
DELIVERED = Meter("alert_messages_delivered", "Messages of alerts that were delivered", "channel")
FAILED = Meter("alert_messages_failed", "Attempts to deliver a message of an alert that failed", "channel")
