"""What every request to the API passes before Django resolves its address."""

import logging
import random
import re
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from systemcache import timing
from tradingsite import logs
from tradingsite.api_errors import error_response

Handler = Callable[[HttpRequest], HttpResponse]
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
API_ROOTS = ("/api/", "/metrics/")


access = logging.getLogger("tradingsite.access")


def request_ids(get_response: Handler) -> Handler:
    """X-Request-ID, the caller's or one made here, on the answer and on every log line of the request."""

    def answer(request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID")
        name = given if given and REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
        token = logs.request_id.set(name)
        started = perf_counter()
        try:
            response = get_response(request)
            response["X-Request-ID"] = name
            _tell(request, response, 1000 * (perf_counter() - started))
            return response
        finally:
            logs.request_id.reset(token)

    return answer


def _tell(request: HttpRequest, response: HttpResponse, milliseconds: float) -> None:
    """Without the query: a login's code travels there."""
    if not access.isEnabledFor(logging.INFO):
        return
    extra = {
        "method": request.method,
        "path": request.path_info,
        "status": response.status_code,
        "state": response.get("X-Cache"),
        "milliseconds": round(milliseconds, 2),
    }
    access.info("%s %s %d", request.method, request.path_info, response.status_code, extra=extra)


def server_timing(get_response: Handler) -> Handler:
    """Server-Timing on every answer: Redis, database, broker and waiting apart from our own work."""

    def answer(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        with timing.gathered() as spans:
            response = get_response(request)
        response["Server-Timing"] = spans.header(perf_counter() - started)
        return response

    return answer


def optional_trailing_slash(get_response: Handler) -> Handler:
    """The API's routes answer with and without their trailing slash, without a redirect (which would lose a POST)."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path_info.endswith("/") and (request.path_info + "/").startswith(API_ROOTS):
            request.path_info += "/"
        return get_response(request)

    return answer


def bounded_body(get_response: Handler) -> Handler:
    """Refuses a large body by its declared length: DRF's JSON parser reads past Django's own limit."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(API_ROOTS) and _declared_length(request) > settings.API_MAX_BODY:
            return error_response(
                413, "too_large", f"A request body may hold {settings.API_MAX_BODY} bytes at the most."
            )
        return get_response(request)

    return answer


def _declared_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
