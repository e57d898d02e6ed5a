"""Describes the events of `/stream` in the API's description, which has no words of its own for them."""

from typing import Any

from drf_spectacular.generators import SchemaGenerator

from systemcache import events
from systemcache.per_view.openapi import schema_of
from tradingsite.stream.address import PATH
from tradingsite.stream.messages import RESET

RESET_DATA = {"type": "object", "required": ["reason"], "properties": {"reason": {"type": "string"}}}


def add_events(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: `x-events` has each kind with the schema of its `data`."""
    described = {
        kind.name: {"description": kind.about, "data": schema_of(kind.row_type)} for kind in events.registered()
    }
    described[RESET] = {"description": "Events may be missing: read again what you keep", "data": RESET_DATA}
    result["paths"][PATH]["get"]["x-events"] = described
    return result
