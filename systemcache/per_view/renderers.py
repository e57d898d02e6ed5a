"""Response bodies that are JSON already, and the renderer that passes them through."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rest_framework.renderers import JSONRenderer

from systemcache.cached_value import CachedValue
from systemcache.families import Family
from systemcache.storage.key_names import EntryRef

Envelope = Callable[[CachedValue[Any]], bytes]  # makes a response's body of a value


class CachedBody(NamedTuple):
    """A response body made of one cached value: which value, and the envelope of its bytes."""

    family: Family[Any]
    ref: EntryRef
    envelope: Envelope


class StoredJSON:
    """A response body that is JSON already; `cached_body` if it is one cached value.

    `permissions`: the names of those that its view asks for; None if they are unknown or have no names.
    """

    __slots__ = ("body", "cached_body", "etag", "permissions")

    def __init__(self, body: bytes, cached_body: CachedBody | None = None, etag: str = "") -> None:
        self.body = body
        self.etag = etag
        self.cached_body = cached_body
        self.permissions: frozenset[str] | None = None


class StoredJSONRenderer(JSONRenderer):
    """DRF's JSON renderer, which passes StoredJSON through; it indents for people (the browsable API)."""

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
                renderer_context["response"]["ETag"] = data.etag  # of these bytes: an HTML page has another
            return data.body
        return json.dumps(json.loads(data.body), indent=4, ensure_ascii=False).encode()
