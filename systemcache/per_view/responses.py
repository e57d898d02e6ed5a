"""Responses made of cached values: the stored bytes are the body's bytes, and headers say how old they are.

Each function refuses a caller who may not see the value (permissions.py), whatever the view asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.datastructures import CaseInsensitiveMapping
from rest_framework.request import Request
from rest_framework.response import Response

from systemcache.cached_value import Body, CachedValue, families_of, oldest_entry, state_of
from systemcache.per_view.permissions import require_access
from systemcache.per_view.renderers import CachedBody, Envelope, StoredJSON

JSON_TYPE = "application/json"
VALUE_HEADERS = frozenset({"Content-Type", "X-Cache", "Age", "Cache-Control", "ETag", "Content-Length"})
# Headers that are the same for every caller of a URL.
SITE_HEADERS = frozenset(
    {
        "Allow",
        "Cross-Origin-Opener-Policy",
        "Referrer-Policy",
        "Strict-Transport-Security",
        "Vary",
        "X-Content-Type-Options",
        "X-Frame-Options",
    }
)


def dated_response(request: Request, value: CachedValue[Any]) -> Response:
    """The value as `data`, with `as_of` and `stale`."""
    return _whole_value_response(request, value, _dated_envelope)


def bare_response(request: Request, value: CachedValue[Any]) -> Response:
    """The value alone. Deprecated: for API_BARE_LISTS."""
    return _whole_value_response(request, value, _no_envelope)


def dated_part_response(request: Request, value: CachedValue[Any], **parts: object) -> Response:
    """Part of a value (a page, a search), with `as_of` and `stale`."""
    return part_response(request, value, StoredJSON(b"{%b%b}" % (_dates(value), _members(parts))))


def page_response(
    request: Request, value: CachedValue[Any], rows: object, links: Mapping[str, object], *aliases: str
) -> Response:
    """A page of a value: the rows as `data`, and under deprecated names too; `links` are count, next and previous."""
    encoded = msgspec.Raw(msgspec.json.encode(rows))
    return dated_part_response(request, value, **links, data=encoded, **dict.fromkeys(aliases, encoded))


def dated_list_response(request: Request, values: Sequence[CachedValue[Any]], **more: object) -> Response:
    """Several values as one list in `data`, as old as the oldest of them, with the properties in `more`."""
    payload = b"[%b]" % b",".join(value.payload for value in values)
    whole = CachedValue[Any](list, oldest_entry(values, payload), state_of(values), families=families_of(values))
    return part_response(request, whole, StoredJSON(b'{%b,"data":%b%b}' % (_dates(whole), payload, _members(more))))


def part_response(request: Request, value: CachedValue[Any], data: object) -> Response:
    """`data`, which was made of the value, with the value's headers."""
    require_access(request, value)
    return Response(data, headers=_value_headers(value))


def _whole_value_response(request: Request, value: CachedValue[Any], envelope: Envelope) -> Response:
    body = _body(value, envelope)
    cached_body = CachedBody(value.families[0], value.ref, envelope) if value.ref else None
    return part_response(request, value, StoredJSON(body.whole, cached_body, body.etag))


def _no_envelope(value: CachedValue[Any]) -> bytes:
    return value.payload


def _dated_envelope(value: CachedValue[Any]) -> bytes:
    return b'{%b,"data":%b}' % (_dates(value), value.payload)


def _dates(value: CachedValue[Any]) -> bytes:
    created = msgspec.json.encode(timezone.localtime(value.created))
    return b'"as_of":%b,"stale":%b' % (created, b"true" if value.stale else b"false")


def _members(values: Mapping[str, object]) -> bytes:
    """Further members of a JSON object, each behind a comma."""
    return b"," + msgspec.json.encode(values)[1:-1] if values else b""


def _body(value: CachedValue[Any], envelope: Envelope) -> Body:
    """The body, made once for the same bytes."""
    bodies = value.content.bodies
    body = bodies.get((envelope, value.stale))
    if body is None:
        body = bodies[envelope, value.stale] = Body(envelope(value))
    return body


def _value_headers(value: CachedValue[Any]) -> dict[str, str]:
    return {
        "X-Cache": value.state,
        "Age": str(value.age()),
        # A browser may store it for its user only and must revalidate it, because a write may have replaced it.
        "Cache-Control": "private, no-cache",
    }


# --- without a view: the fast path -------------------------------------------------------------------------


class TrustedHeaders(ResponseHeaders):
    """Headers that have been sent before: checking each name and value once more takes a sixth of a hit's time."""

    def __init__(self, data: Mapping[str, str]) -> None:
        CaseInsensitiveMapping.__init__(self, data)


def site_headers(response: HttpResponse) -> dict[str, str]:
    """The headers of a response that come from the site rather than from its cached value."""
    return {name: value for name, value in response.items() if name not in VALUE_HEADERS}


def is_same_for_all(response: HttpResponse) -> bool:
    """Whether every authorized JSON client gets the same response from this URL."""
    return (
        response["Content-Type"] == JSON_TYPE
        and response.get("Vary", "Accept") == "Accept"
        and not response.cookies
        and set(response.headers) <= VALUE_HEADERS | SITE_HEADERS
    )


def build_response(
    request: HttpRequest, cached_body: CachedBody, site_headers: Mapping[str, str], value: CachedValue[Any]
) -> HttpResponse:
    """The response that the view would give. The caller has seen to the permissions."""
    body = _body(value, cached_body.envelope)
    response = HttpResponse(body.whole, content_type=JSON_TYPE)
    own = {"ETag": body.etag, "Content-Type": JSON_TYPE, "Content-Length": str(len(body.whole))}
    response.headers = TrustedHeaders({**site_headers, **_value_headers(value), **own})
    return not_modified_or(request, response, site_headers) if "HTTP_IF_NONE_MATCH" in request.META else response


def not_modified_or(request: HttpRequest, response: HttpResponse, site_headers: Mapping[str, str]) -> HttpResponse:
    """Return 304 if the client already has this body, otherwise the response."""
    conditional = get_conditional_response(request, etag=response["ETag"], response=response) or response
    if conditional is not response:
        conditional.headers = TrustedHeaders({**site_headers, **conditional.headers})
    return conditional
