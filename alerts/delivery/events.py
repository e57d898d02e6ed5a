"""The event of an alert that has fired."""

from alerts.delivery import messages
from alerts.models import PriceAlert
from alerts.schemas import AlertSchema
from broker.cache_families import VIEW_ACCOUNT
from systemcache.events import Event, Kind

ALERT = Kind(
    "alert",
    AlertSchema,
    "An alert that has fired: a row of /api/alerts, for its owner and for staff",
    permission=VIEW_ACCOUNT,
    owned=True,
)


def event_of(alert: PriceAlert) -> Event:
    """The event is told once, however often its delivery is tried."""
    return Event(ALERT.name, messages.row(alert), f"{alert.user_id}:{alert.pk}", version="fired")
