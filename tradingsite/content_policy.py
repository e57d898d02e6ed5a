"""Content-Security-Policy: what a browser may load and do on our pages. Nothing from outside, no inline script.

Where another project's page cannot be without more, it gets no more than that.
"""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]
Policy = Mapping[str, str]

STRICT: Policy = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# By the beginning of the address; the longest that fits counts.
RELAXED: Mapping[str, Policy] = {
    # DRF's templates set widths and floats in style attributes; Bootstrap's sheet holds a picture or two.
    "/api/": {"style-src-attr": "'unsafe-inline'"},
    "/api/docs/": {"img-src": "'self' data:"},
}


def policy_of(path: str) -> str:
    """The header's value for a page at this address."""
    fitting = max((start for start in RELAXED if path.startswith(start)), key=len, default="")
    return "; ".join(f"{name} {value}" for name, value in {**STRICT, **RELAXED.get(fitting, {})}.items())


def content_security_policy(get_response: Handler) -> Handler:
    """The policy on every HTML page. Django's own pages about an error, with DEBUG on, are made of inline parts."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page and not (settings.DEBUG and response.status_code >= 400):
            response.headers.setdefault("Content-Security-Policy", policy_of(request.path_info))
        return response

    return answer
