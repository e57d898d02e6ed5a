"""The mark in a person's session that they have gone to the broker's login page from here.

The broker's redirect is a GET that any link can imitate, and the broker is not known to give back a state parameter. So
the redirect counts only in a session that has such a mark, once, and for as long as a login takes.
"""

from datetime import timedelta

from django.http import HttpRequest

from systemcache import clock

MARK = "broker_login_began"  # the session's name for it
WAY_BACK = "broker_login_way_back"
LIFETIME = timedelta(minutes=10)


def begin(request: HttpRequest, way_back: str) -> None:
    """`way_back` is the address of this site, or the name of a URL, to which the login leads in the end."""
    request.session[MARK], request.session[WAY_BACK] = clock.timestamp(), way_back


def way_back(request: HttpRequest) -> str:
    """Where a login that has begun here leads to; the start page otherwise."""
    return str(request.session.pop(WAY_BACK, "/"))


def take(request: HttpRequest) -> bool:
    """Remove the mark, before anything else is done; whether there was one, and it was not too old."""
    began = request.session.pop(MARK, None)
    if began is None:
        return False
    request.session.save()
    return bool(clock.timestamp() - began < LIFETIME.total_seconds())
