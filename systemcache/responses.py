"""Answers from cached values: the stored bytes are the response's bytes, and the headers say where they come from."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.datastructures import CaseInsensitiveMapping
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from systemcache.families import Family
from systemcache.fetched import Body, Fetched, origin, state_of
from systemcache.store import Spot

JSON_TYPE = "application/json"
OF_THE_VALUE = frozenset({"Content-Type", "X-Cache", "Age", "Cache-Control", "ETag", "Content-Length"})
# Headers that say the same to whoever asks for an address.
OF_THE_SITE = frozenset(
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

T = TypeVar("T")
Form = Callable[[Fetched[Any]], bytes]


class Shown(NamedTuple):
    """A response that shows one cached value: which, and what stands around its bytes."""

    family: Family[Any]
    spot: Spot
    form: Form


class StoredJSON:
    """A response body that is JSON already; `shown` if it is one cached value.

    `needs`: the permission that it takes to see it; None when the view did not say.
    """

    __slots__ = ("body", "etag", "needs", "shown")

    def __init__(self, body: bytes, shown: Shown | None = None, etag: str = "") -> None:
        self.body = body
        self.etag = etag
        self.shown = shown
        self.needs: str | None = None


class StoredJSONRenderer(JSONRenderer):
    """DRF's JSON renderer, which passes StoredJSON through; indented where a person reads it (the browsable API)."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if not isinstance(data, StoredJSON):
            return bytes(super().render(data, accepted_media_type, renderer_context))
        if self.get_indent(accepted_media_type or self.media_type, renderer_context or {}) is None:
            if data.etag and renderer_context:
                renderer_context["response"]["ETag"] = data.etag  # of these bytes: a page for people has another
            return data.body
        return json.dumps(json.loads(data.body), indent=4, ensure_ascii=False).encode()


def bare(fetched: Fetched[T]) -> Response:
    """The value alone, for what comes from our own database."""
    return _whole(fetched, _alone)


def dated(fetched: Fetched[T]) -> Response:
    """The value as `data` beside `as_of` and `stale`, for what comes from the broker or was computed."""
    return _whole(fetched, _beside_its_dates)


def _alone(fetched: Fetched[Any]) -> bytes:
    return fetched.payload


def _beside_its_dates(fetched: Fetched[Any]) -> bytes:
    return b'{%b,"data":%b}' % (_dates(fetched), fetched.payload)


def _whole(fetched: Fetched[T], form: Form) -> Response:
    body = _body(fetched, form)
    shown = Shown(fetched.place[0], fetched.place[1], form) if fetched.place else None
    return described(StoredJSON(body.whole, shown, body.etag), fetched)


def _body(fetched: Fetched[Any], form: Form) -> Body:
    """Made once for the same bytes."""
    bodies = fetched.content.bodies
    made = bodies.get((form, fetched.stale))
    if made is None:
        made = bodies[form, fetched.stale] = Body(form(fetched))
    return made


class KnownHeaders(ResponseHeaders):
    """Headers that have been sent before: to check each name and value once more takes a sixth of a hit's time."""

    def __init__(self, data: Mapping[str, str]) -> None:
        CaseInsensitiveMapping.__init__(self, data)


def around(response: HttpResponse) -> dict[str, str]:
    """The headers of a response that do not come from its cached value, but from the site around it."""
    return {name: value for name, value in response.items() if name not in OF_THE_VALUE}


def is_the_same_for_all(response: HttpResponse) -> bool:
    """Whether whoever may see its value is sent the same by this address, if she asks for JSON."""
    return (
        response["Content-Type"] == JSON_TYPE
        and response.get("Vary", "Accept") == "Accept"
        and not response.cookies
        and set(response.headers) <= OF_THE_VALUE | OF_THE_SITE
    )


def plain(request: HttpRequest, shown: Shown, around: Mapping[str, str], fetched: Fetched[Any]) -> HttpResponse:
    """The same answer without a view around it."""
    body = _body(fetched, shown.form)
    response = HttpResponse(body.whole, content_type=JSON_TYPE)
    of_the_value = {"ETag": body.etag, "Content-Type": JSON_TYPE, "Content-Length": str(len(body.whole))}
    response.headers = KnownHeaders({**around, **_headers(fetched), **of_the_value})
    return _unless_known(request, response, around) if "HTTP_IF_NONE_MATCH" in request.META else response


def _unless_known(request: HttpRequest, response: HttpResponse, around: Mapping[str, str]) -> HttpResponse:
    """304 for who has these bytes already."""
    answer = get_conditional_response(request, etag=response["ETag"], response=response) or response
    if answer is not response:
        answer.headers = KnownHeaders({**around, **answer.headers})
    return answer


def dated_part(fetched: Fetched[T], **parts: object) -> Response:
    """Part of a value (a page, a search) beside `as_of` and `stale`."""
    return described(StoredJSON(b"{%b,%b" % (_dates(fetched), msgspec.json.encode(parts)[1:])), fetched)


def dated_many(parts: Sequence[Fetched[T]], **more: object) -> Response:
    """Several values as one list in `data`, as old as the oldest of them; `more` stands beside it."""
    whole = _together(parts)
    body = b'{%b,"data":%b,%b' % (_dates(whole), whole.payload, msgspec.json.encode(more)[1:])
    return described(StoredJSON(body), whole)


def _together(parts: Sequence[Fetched[T]]) -> Fetched[list[T]]:
    payload = b"[%b]" % b",".join(part.payload for part in parts)
    return Fetched(list, origin(parts, payload), state_of(parts))


def _dates(fetched: Fetched[T]) -> bytes:
    created = msgspec.json.encode(timezone.localtime(fetched.created))
    return b'"as_of":%b,"stale":%b' % (created, b"true" if fetched.stale else b"false")


def described(data: object, fetched: Fetched[T]) -> Response:
    """A response with the headers that say where its value comes from and how old it is."""
    return Response(data, headers=_headers(fetched))


def _headers(fetched: Fetched[Any]) -> dict[str, str]:
    return {
        "X-Cache": fetched.state,
        "Age": str(fetched.age()),
        # A browser keeps it for its user alone and asks before each use: a write may have replaced it.
        "Cache-Control": "private, no-cache",
    }
