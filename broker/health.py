"""Health of the broker app, from our own tables: a health check never waits for the broker."""

from collections.abc import Iterator
from datetime import timedelta

from broker import clock, conf
from broker.calendar import trading_hours
from broker.clock import IST
from broker.contracts import table
from broker.iifl.session import stored_session
from systemcache.operations.health import ComponentHealth

CALENDAR_AHEAD = timedelta(days=14)


def facts() -> Iterator[ComponentHealth]:
    yield _session()
    yield _calendar()
    for info in table.all_info():
        yield ComponentHealth(f"contracts {info.exchange}", None, f"{info.rows} rows", info.refreshed_at)


def _session() -> ComponentHealth:
    row = stored_session(clock.now())
    if row:
        return ComponentHealth("broker session", True, "until midnight (IST)", row.expires_at.astimezone(IST))
    if conf.simulated():
        return ComponentHealth("broker session", None, "the simulator's; the site logs in when it needs to")
    return ComponentHealth("broker session", False, "Log in on the admin's page “Broker sessions”.")


def _calendar() -> ComponentHealth:
    """The holidays of the year of a fortnight from now are to be known; the exchanges publish them in December."""
    year = (clock.now() + CALENDAR_AHEAD).year
    known = trading_hours.calendar()
    missing = [str(exchange) for exchange in trading_hours.TRADED if not known.knows(exchange, year)]
    if not missing:
        return ComponentHealth("trading calendar", True, f"holidays of {year} known")
    detail = f"The holidays of {year} are not known of {', '.join(missing)}: `manage.py importcalendar FILE` adds them."
    return ComponentHealth("trading calendar", None, detail)
