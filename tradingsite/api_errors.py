"""One shape for every error of the API: {"error": {"code", "message", "detail"}}."""

import logging
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from broker.errors import BrokerError
from systemcache.errors import CacheError

logger = logging.getLogger(__name__)


def body(code: str, message: str, detail: object = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "detail": detail}}


def error_response(status_code: int, code: str, message: str, detail: object = None) -> JsonResponse:
    return JsonResponse(body(code, message, detail), status=status_code)


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: None for what is nobody's fault but ours, which Django then reports as a 500."""
    if isinstance(exc, BrokerError | CacheError):
        return _application_error(exc)
    response = exception_handler(exc, context)
    if response is not None:
        response.data = _framework_error(exc, response)
    return response


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
    """A sentence out of DRF's nested error lists, with the field that it is about."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        return _first_message(inner, str(name))
    if isinstance(detail, list):
        return _first_message(next((item for item in detail if item), ""), field)
    return f"{field}: {detail}" if field and field != "non_field_errors" else str(detail)


def not_found(request: HttpRequest, exception: Exception) -> Any:
    if request.path_info.startswith("/api/"):
        return error_response(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> Any:
    if request.path_info.startswith("/api/"):
        return error_response(400, "invalid", "The request could not be read.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> Any:
    if request.path_info.startswith("/api/"):
        return error_response(500, "server_error", "Something went wrong here; the server's log says more.")
    return defaults.server_error(request)
