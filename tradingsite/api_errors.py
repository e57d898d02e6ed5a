"""One shape for every error of the API: {"error": {"code", "message", "detail"}}."""

import logging
import sys
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views import csrf
from rest_framework import exceptions, status
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from broker.errors import BrokerError
from systemcache.errors import CacheError

API_ROOTS = ("/api/", "/metrics/", "/stream/")

logger = logging.getLogger(__name__)


def body(code: str, message: str, detail: object = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "detail": detail}}


def error_response(status_code: int, code: str, message: str, detail: object = None) -> JsonResponse:
    return JsonResponse(body(code, message, detail), status=status_code)


def handle(exc: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """DRF's exception handler. None makes Django report the exception as a 500."""
    if isinstance(exc, exceptions.NotAuthenticated) and _is_person(context["request"]):
        return redirect_to_login(context["request"].get_full_path())
    _answer_in_json(context["request"])
    if isinstance(exc, BrokerError | CacheError):
        return _application_error(exc)
    response = exception_handler(exc, context)
    if response is not None:
        response.data = _framework_error(exc, response)
    return response


def _is_person(request: Request) -> bool:
    """Whether a browser has opened this address: its user can log in, which a program could not."""
    accepts = request.headers.get("Accept", "")
    asked_for = getattr(getattr(request, "accepted_renderer", None), "media_type", "text/html")
    return request.method == "GET" and "text/html" in accepts and asked_for == "text/html"


def _answer_in_json(request: Request) -> None:
    """An error is JSON, or the browsable API's page, also where the view's own answers are YAML or a page."""
    renderer = getattr(request, "accepted_renderer", None)
    if renderer and renderer.media_type != "application/json" and not isinstance(renderer, BrowsableAPIRenderer):
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type


def _application_error(exc: BrokerError | CacheError) -> Response:
    response = Response(body(exc.code, str(exc), exc.detail), status=exc.status_code)
    if exc.retry_after is not None:
        response["Retry-After"] = str(exc.retry_after)
    if exc.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        logger.warning("%s: %s", exc.code, exc)
    return response


def _framework_error(exc: Exception, response: Response) -> dict[str, Any]:
    if isinstance(exc, exceptions.ValidationError):
        return body("invalid", _first_message(exc.detail), exc.detail)
    if isinstance(exc, exceptions.APIException):
        return body(str(exc.get_codes()), str(exc.detail))
    return body(
        "not_found" if response.status_code == status.HTTP_404_NOT_FOUND else "permission_denied",
        str(exc) or "Not found.",
    )


def _first_message(detail: Any, field: str = "") -> str:
    """The first sentence in DRF's nested error lists, prefixed with the field that it is about."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        return _first_message(inner, str(name))
    if isinstance(detail, list):
        return _first_message(next((item for item in detail if item), ""), field)
    return f"{field}: {detail}" if field and field != "non_field_errors" else str(detail)


PAGE_TEXTS = {
    400: ("The request could not be read", "The address or the form is not one that this site understands."),
    403: (
        "You may not see this",
        "Your login has no right to this page. Ask an administrator for it, or log in as another.",
    ),
    404: ("Page not found", "The address may be mistyped, or the page is gone."),
    503: ("The database is away", "Nothing can be shown or changed until it answers again. Staff find why in the log."),
    500: (
        "Something went wrong here",
        "This is a fault of the site, and its log has the details. Try again in a moment.",
    ),
}


def error_page(request: HttpRequest, status_code: int, text: str = "") -> HttpResponse:
    """Render an error page in the site's design; without the database the user is unknown."""
    title, usual = PAGE_TEXTS[status_code]
    words = {"title": title, "text": text or usual}
    try:
        page = render_to_string("dashboard/error.html", words, request)
    except DatabaseError:
        page = render_to_string("dashboard/error.html", words)
    return HttpResponse(page, status=status_code)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path_info.startswith(API_ROOTS):
        return error_response(404, "not_found", "There is nothing at this address.")
    return error_page(request, 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path_info.startswith(API_ROOTS):
        return error_page(request, 400)
    if isinstance(exception, DisallowedHost):
        return error_response(400, "invalid", "The site does not answer to this Host; its log says what to set.")
    return error_response(400, "invalid", "The request could not be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 403, str(exception))


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith(API_ROOTS):
        if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
            response = error_response(
                503, "database_unavailable", "The database does not answer. Try again in a moment."
            )
            response["Retry-After"] = "2"
            return response
        return error_response(500, "server_error", "An internal error occurred; the server's log has the details.")
    return error_page(request, 503 if isinstance(sys.exc_info()[1], DatabaseError) else 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's own check guards the pages under the API's roots, such as its login; DRF's answers for the API."""
    preferred = request.get_preferred_type(["application/json", "text/html"])
    if request.path_info.startswith(API_ROOTS) and preferred != "text/html":
        return error_response(403, "permission_denied", f"CSRF failed: {reason}")
    return csrf.csrf_failure(request, reason)
