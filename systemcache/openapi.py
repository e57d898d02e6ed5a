"""JSON schemas of cached values for the API's description, made from their declared types."""

from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiExample

OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
Answers = dict[int, dict[str, Any]]  # for extend_schema(responses=…)


def schema_of(type_: Any) -> dict[str, Any]:
    """The JSON schema of a type, with its inner types written in place."""
    (outer,), components = msgspec.json.schema_components([type_], ref_template="{name}")
    return dict(_inlined(outer, components))


def dated_answer(type_: Any, **more: Any) -> Answers:
    """An answer that says how old it is; `more` are properties beside `data`."""
    return _dated({"data": schema_of(type_), **{name: schema_of(kind) for name, kind in more.items()}})


def typed_answer(type_: Any, *codes: int) -> Answers:
    """A value alone, under 200 or these."""
    return {code: schema_of(type_) for code in codes or (200,)}


def example(value: object, *, name: str = "Example", code: int = 200) -> OpenApiExample:
    """What an answer looks like."""
    return OpenApiExample(name, value=msgspec.to_builtins(value), response_only=True, status_codes=[str(code)])


def page_answer(type_: Any) -> Answers:
    """A page of `type_` that says how old it is."""
    address = {"type": ["string", "null"], "format": "uri"}
    return _dated(
        {
            "count": {"type": "integer"},
            "next": address,
            "previous": address,
            "results": schema_of(list[type_]),
        }
    )


def _dated(properties: dict[str, Any]) -> Answers:
    dates = {"as_of": {"type": "string", "format": "date-time"}, "stale": {"type": "boolean"}}
    return {200: {"type": "object", "required": [*dates, *properties], "properties": {**dates, **properties}}}


def _inlined(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, components) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"]], components)
    return {name: _inlined(value, components) for name, value in schema.items()}
