"""Answers from cached values: the stored bytes are the response's bytes, and the headers say where they come from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from systemcache.fetched import Fetched, origin, state_of

T = TypeVar("T")


class StoredJSON:
    """A response body that is JSON already."""

    __slots__ = ("body",)

    def __init__(self, body: bytes) -> None:
        self.body = body


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
            return data.body
        return json.dumps(json.loads(data.body), indent=4, ensure_ascii=False).encode()


def bare(fetched: Fetched[T]) -> Response:
    """The value alone, for what comes from our own database."""
    return described(StoredJSON(fetched.payload), fetched)


def dated(fetched: Fetched[T]) -> Response:
    """The value as `data` beside `as_of` and `stale`, for what comes from the broker or was computed."""
    return described(StoredJSON(b'{%b,"data":%b}' % (_dates(fetched), fetched.payload)), fetched)


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
    headers = {
        "X-Cache": fetched.state,
        "Age": str(fetched.age()),
        # A browser keeps it for its user alone and asks before each use: a write may have replaced it.
        "Cache-Control": "private, no-cache",
    }
    return Response(data, headers=headers)
