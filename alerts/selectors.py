"""Cached reads of this app's tables."""

from itertools import chain
from typing import Any

from alerts.cache_families import ALERTS, ALL, RECENT_ALERTS, WATCHED_ALERTS
from alerts.models import PriceAlert, State
from alerts.schemas import AlertSchema, WatchedAlert
from systemcache.cached_value import CachedValue
from systemcache.fetching.fetch import fetch

MAX_FIRED = 200  # in a list, the latest
MAX_RECENT = 5


def owner_of(user: Any) -> str:
    """Whose alerts a user sees: their own, and staff all."""
    return ALL if user.is_staff else str(user.pk)


def alerts(*, owner: str, state: str = ALL) -> CachedValue[list[AlertSchema]]:
    """Return all active alerts, then the latest that have fired; `owner` is a user's number, or `all`."""
    return fetch(ALERTS, {"owner": owner, "state": state}, lambda: alert_rows(owner, state))


def recent_alerts(user_id: int) -> CachedValue[list[AlertSchema]]:
    """Return the latest of the user's own alerts that have fired, a few at most."""
    return fetch(RECENT_ALERTS, {"owner": str(user_id)}, lambda: recent_alert_rows(str(user_id)))


def watched_alerts() -> CachedValue[list[WatchedAlert]]:
    """Return what there is to judge."""
    return fetch(WATCHED_ALERTS, {}, watched_alert_rows)


def alert_rows(owner: str, state: str) -> list[AlertSchema]:
    rows = PriceAlert.objects.of(owner).select_related("user").prefetch_related("deliveries")
    active, fired = rows.filter(state=State.ACTIVE), rows.filter(state=State.FIRED).order_by("-fired_at", "-pk")
    some = [*([] if state == State.FIRED else [active]), *([] if state == State.ACTIVE else [fired[:MAX_FIRED]])]
    return [AlertSchema.of(row) for row in chain.from_iterable(some)]


def recent_alert_rows(owner: str) -> list[AlertSchema]:
    fired = PriceAlert.objects.of(owner).filter(state=State.FIRED).select_related("user").order_by("-fired_at", "-pk")
    return [AlertSchema.of(row, ()) for row in fired[:MAX_RECENT]]


def watched_alert_rows() -> list[WatchedAlert]:
    return [WatchedAlert.of(row) for row in PriceAlert.objects.filter(state=State.ACTIVE)]
