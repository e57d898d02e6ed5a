"""The authentication back end of people: Django's own, behind the throttle, with a log line for each attempt."""

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from systemcache.auth.backends import CachedBackend
from tradingsite.api_errors import error_response
from tradingsite.logins import throttle
from tradingsite.logins.addresses import Handler
from tradingsite.logins.throttle import LoginRefused

logger = logging.getLogger(__name__)


class ThrottledBackend(CachedBackend):
    """Calls without a request (from a shell or a command) are not throttled."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """Raises LoginRefused before anything is hashed; `refused_logins` makes a response of it."""
        if request is None or not username or password is None:
            return super().authenticate(request, username, password, **kwargs)
        address = request.META.get("REMOTE_ADDR", "")
        try:
            with throttle.turn_to_hash(address):
                attempt = throttle.begin(username, address)
                user = super().authenticate(request, username, password, **kwargs)
                if user is not None:
                    throttle.succeed(attempt)
        except LoginRefused as refusal:
            logger.warning("login refused: %s (%s)", _who(throttle.user_of(username), address), refusal)
            raise
        if user is None:
            logger.warning("login failed: %s", _who(attempt.user, address))
        else:
            logger.info("login: %s", _who(user, address))
        return user


def _who(user: Any, address: str) -> str:
    """Never the name as typed: it may be a password."""
    return f"{user.get_username() if user else 'an unknown name'} from {address or 'an unknown address'}"


def refused_logins(get_response: Handler) -> Handler:
    """Answer 429 to a login that the throttle refuses, whichever form it came from."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, LoginRefused):
            return None
        if "text/html" in request.headers.get("Accept", "text/html"):
            page = render_to_string("tradingsite/login_refused.html", {"reason": exception})  # a flood gets many
            response = HttpResponse(page, status=429)
        else:
            response = error_response(429, "too_many_logins", str(exception))
        response["Retry-After"] = str(exception.retry_after)
        return response

    middleware.process_exception = process_exception  # type: ignore[attr-defined]  # how Django finds it
    return middleware
