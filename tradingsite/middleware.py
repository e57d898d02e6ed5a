"""Middleware that every request passes before Django resolves its URL."""

import logging
import random
import re
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from systemcache import timing
from systemcache.rate_limit import owner
from tradingsite import logs
from tradingsite.api_errors import API_ROOTS, error_response

Handler = Callable[[HttpRequest], HttpResponse]
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


access = logging.getLogger("tradingsite.access")


def request_ids(get_response: Handler) -> Handler:
    """Put X-Request-ID, the caller's or a new one, on the response and on every log line of the request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID")
        name = given if given and REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
        token = logs.request_id.set(name)
        started = perf_counter()
        try:
            response = get_response(request)
            response["X-Request-ID"] = name
            _log_access(request, response, 1000 * (perf_counter() - started))
            return response
        finally:
            logs.request_id.reset(token)

    return middleware


def _log_access(request: HttpRequest, response: HttpResponse, milliseconds: float) -> None:
    """Log a line for the request, without the query string: it may carry a login's code."""
    if not access.isEnabledFor(logging.INFO):
        return
    extra = {
        "method": request.method,
        "path": request.path_info,
        "status": response.status_code,
        "address": request.META.get("REMOTE_ADDR") or None,
        "state": response.get("X-Cache"),
        "trace_id": request.META.get(logs.TRACE_ID),
        "milliseconds": round(milliseconds, 2),
    }
    access.info("%s %s %d", request.method, request.path_info, response.status_code, extra=extra)


def server_timing(get_response: Handler) -> Handler:
    """Put Server-Timing on every response: Redis, database, broker and waiting apart from our own work."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        with timing.collect_spans() as spans:
            response = get_response(request)
        response["Server-Timing"] = spans.header(perf_counter() - started)
        return response

    return middleware


def record_traces(get_response: Handler) -> Handler:
    """Send each request to the collector of traces; it must come after `server_timing`. It is not used without a
    collector."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        raise MiddlewareNotUsed
    from tradingsite import tracing  # needs the packages of the extra `otel`

    def middleware(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = get_response(request)
        tracing.record(request, response, started, perf_counter())
        return response

    return middleware


def share_limits_by_user(get_response: Handler) -> Handler:
    """Make the request's user known to the fair sharing of limits. Token and session are looked up later, if at all."""

    def middleware(request: HttpRequest) -> HttpResponse:
        def name() -> str:
            user = getattr(request, "user", None)  # a token's too: DRF sets it
            return f"user{user.pk}" if user and user.pk else "anonymous"

        with owner.working_for(name):
            return get_response(request)

    return middleware


def optional_trailing_slash(get_response: Handler) -> Handler:
    """Let API routes work without their trailing slash too, without a redirect, which would lose the body of a POST."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.endswith("/") and (request.path_info + "/").startswith(API_ROOTS):
            request.path_info += "/"
        return get_response(request)

    return middleware


def limit_body_size(get_response: Handler) -> Handler:
    """Refuse a large body by its declared length, on every path, before anything reads it.

    A body without a declared length is empty to Django. DRF's JSON parser ignores Django's own limit, which counts no
    files either.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if _declared_length(request) > settings.MAX_BODY:
            return error_response(413, "too_large", f"A request body may have at most {settings.MAX_BODY} bytes.")
        return get_response(request)

    return middleware


def _declared_length(request: HttpRequest) -> int:
    """The declared length as Django reads it: 0 if it is not a number."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
