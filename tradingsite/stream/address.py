"""The stream's address as browsers see it, and which pages may read it from there."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

PATH = "/stream/"
# The headers that a browser asks permission for in a preflight request.
REQUEST_HEADERS = "Authorization, Cache-Control, Last-Event-ID"
PREFLIGHT_AGE = 600  # seconds


def stream_url(request: HttpRequest) -> str:
    """STREAM_URL, or else the stream's port on the host that the caller has used. Behind a TLS proxy it is /stream of
    the site itself, as configured in deploy/.
    """
    if settings.STREAM_URL:
        return str(settings.STREAM_URL)
    host = request.get_host()
    if settings.HTTPS:
        return f"https://{host}{PATH.rstrip('/')}"
    return f"{request.scheme}://{_without_port(host)}:{settings.STREAM_PORT}{PATH.rstrip('/')}"


def foreign_origin(request: HttpRequest) -> str:
    """The stream's origin if it is another than the page's, for connect-src; otherwise empty."""
    parts = urlsplit(_url_or_nothing(request))
    if not parts.netloc:
        return ""
    origin = f"{parts.scheme}://{parts.netloc}"
    return "" if origin == f"{request.scheme}://{request.get_host()}" else origin


def context(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `stream_url`, for templates that use it."""
    return {"stream_url": lambda: _url_or_nothing(request)}


def is_own_origin(request: HttpRequest) -> bool:
    """Whether the reading page is this site's or of an origin in DJANGO_TRUSTED_ORIGINS. Programs send no Origin.

    The page's port differs from the stream's, so browsers need CORS headers. The check is needed because cookies do not
    depend on ports: browsers also send the site's cookie for pages of other servers on this machine.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    host = request.get_host()
    own = {
        f"{request.scheme}://{host}",
        f"{request.scheme}://{_without_port(host)}:{settings.PORT}",
        *settings.CSRF_TRUSTED_ORIGINS,
    }
    if (443 if request.is_secure() else 80) == settings.PORT:
        own.add(f"{request.scheme}://{_without_port(host)}")
    return origin in own


def allow_reading(request: HttpRequest, response: HttpResponseBase) -> None:
    """Allow the browser's page to read the response, if its origin may."""
    response["Vary"] = ", ".join(filter(None, [response.get("Vary", ""), "Origin"]))
    if "Origin" in request.headers and is_own_origin(request):
        response["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response["Access-Control-Allow-Credentials"] = "true"


def preflight(request: HttpRequest) -> HttpResponse:
    """The response to a preflight request."""
    response = HttpResponse(status=204)
    if is_own_origin(request):
        response["Access-Control-Allow-Methods"] = "GET"
        response["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        response["Access-Control-Max-Age"] = str(PREFLIGHT_AGE)
    return response


def _url_or_nothing(request: HttpRequest) -> str:
    """Empty on the error page that a request for another host gets."""
    try:
        request.get_host()
        return stream_url(request)
    except DisallowedHost:
        return ""


def _without_port(host: str) -> str:
    """Of [::1]:8000 it is [::1]."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
