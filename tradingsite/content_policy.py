"""Content-Security-Policy: what a browser may load and do on our pages. Nothing from outside, no inline script.

A page that comes from another project gets what it cannot work without, and no more.
"""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from broker.iifl.login import LOGIN_PAGE
from tradingsite.stream import address

Handler = Callable[[HttpRequest], HttpResponse]
Policy = Mapping[str, str]

STRICT: Policy = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# By path prefix; the longest that matches applies.
RELAXED: Mapping[str, Policy] = {
    # DRF's templates set widths and floats in style attributes.
    "/api/": {"style-src-attr": "'unsafe-inline'"},
    "/api/docs/": {"img-src": "'self' data:"},
    # Its form redirects to the broker's login page, which browsers count as the form's action.
    "/admin/broker/brokersession/": {"form-action": f"'self' {LOGIN_PAGE}"},
}
PAGES_WITH_STREAM = "dashboard"  # the app whose pages read it


def policy_of(path: str) -> str:
    """The header's value for a page at this path."""
    fitting = max((start for start in RELAXED if path.startswith(start)), key=len, default="")
    return "; ".join(f"{name} {value}" for name, value in {**STRICT, **RELAXED.get(fitting, {})}.items())


def _stream_of(request: HttpRequest) -> str:
    """Let the trader's pages read the stream where its address is of another origin."""
    if request.resolver_match is None or request.resolver_match.app_name != PAGES_WITH_STREAM:
        return ""
    origin = address.foreign_origin(request)
    return f"; connect-src 'self' {origin}" if origin else ""


def content_security_policy(get_response: Handler) -> Handler:
    """Set the policy on every HTML page but Django's debug pages, which consist of inline scripts and styles."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page and not (settings.DEBUG and response.status_code >= 400):
            stream = _stream_of(request) if response.status_code < 400 else ""  # it may be a refused host's request
            response.headers.setdefault("Content-Security-Policy", policy_of(request.path_info) + stream)
        return response

    return middleware
