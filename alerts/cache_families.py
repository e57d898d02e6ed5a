"""The alerts' cache families."""

from alerts.models import State
from alerts.schemas import AlertSchema, WatchedAlert
from broker.cache_families import VIEW_ACCOUNT
from systemcache.families import Family

ALL = "all"

# Alerts show prices, which are the account's data feed. `owner` is a user's number, or `all`.
ALERTS = Family(
    "alerts",
    "db:alerts:{owner}:{state}",
    list[AlertSchema],
    choices={"state": (ALL, *State.values)},
    strict=True,
    permission=VIEW_ACCOUNT,
    source="alerts.selectors.alert_rows",
)
# What the pages say on top for a while; each of their polls reads it.
RECENT_ALERTS = Family(
    "recent_alerts",
    "db:alerts:recent:{owner}",
    list[AlertSchema],
    strict=True,
    near=True,
    permission=VIEW_ACCOUNT,
    source="alerts.selectors.recent_alert_rows",
)
# What the feed's process judges. Nobody's response shows it.
WATCHED_ALERTS = Family(
    "watched_alerts",
    "db:alerts:watched",
    list[WatchedAlert],
    strict=True,
    permission=VIEW_ACCOUNT,
    source="alerts.selectors.watched_alert_rows",
)
