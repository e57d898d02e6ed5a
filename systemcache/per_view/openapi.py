"""The API's description of cached values: JSON schemas made from their declared types."""

from collections.abc import Mapping
from typing import Any

import msgspec
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from systemcache.per_view.mixins import CachedReadMixin
from systemcache.per_view.validation import StrictView

_URL = {"type": ["string", "null"], "format": "uri"}
PAGE = {"count": {"type": "integer"}, "next": _URL, "previous": _URL}
OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
Responses = dict[int, dict[str, Any]]  # for extend_schema(responses=...)


def _header(name: str, kind: Any, text: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=text, response=[200], **more)


VALUE_HEADERS = (
    _header("X-Cache", str, "Where the value came from", enum=["hit", "miss", "stale", "bypass"]),
    _header("Age", int, "Seconds since the value's load began"),
    _header("ETag", str, "Of the body: with If-None-Match, a body that has not changed is answered 304"),
    _header("Cache-Control", str, "private, no-cache: a browser keeps it for its user, and asks before each use"),
)
_components: dict[str, dict[str, Any]] = {}  # by name: what schema_of() has described


class CachedViewSchema(AutoSchema):
    """Describes what a view declares: its family's type, its query serializer. @extend_schema goes before both."""

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        if not isinstance(self.view, StrictView):
            return parameters
        query = self.view.query_serializer_of(getattr(self.view, "action", None) or self.method.lower())
        return [*parameters, *([query] if query else []), *(VALUE_HEADERS if self._cached_read() else [])]

    def get_examples(self) -> Any:
        operation = getattr(self.view, "action", None) or self.method.lower()
        body = self.view.body_examples.get(operation) if isinstance(self.view, StrictView) else None
        shown = [OpenApiExample("Example of a request", value=body, request_only=True)] if body is not None else []
        return [*super().get_examples(), *shown]

    def get_response_serializers(self) -> Any:
        view = self._cached_read()
        return dated_schema(view.family.type) if view else super().get_response_serializers()

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation and self._cached_read():
            for content in operation["responses"]["200"]["content"].values():
                if content["schema"].get("type") == "array":  # as drf-spectacular assumes of each list view
                    content["schema"] = content["schema"]["items"]
            operation["responses"]["304"] = {"description": "The caller has this response: If-None-Match has its ETag"}
        return operation

    def _cached_read(self) -> CachedReadMixin | None:
        """The view, if the operation is its read from the cache."""
        if self.method != "GET" or getattr(self.view, "action", "list") != "list":
            return None
        return self.view if isinstance(self.view, CachedReadMixin) else None


def schema_of(type_: Any) -> dict[str, Any]:
    """The JSON schema of a type. Its inner types become components, which add_components() puts into the schema."""
    (outer,), components = msgspec.json.schema_components([type_], ref_template="#/components/schemas/{name}")
    for name, schema in components.items():
        if _components.setdefault(name, schema) != schema:
            raise ValueError(f"Two types are called {name}: the API's description could not tell them apart.")
    return dict(outer)


def add_components(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: add the components that the schema refers to, and those that these refer to."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    left = [result["paths"]]
    while left:
        missing = _referred(left.pop()) & _components.keys() - schemas.keys()
        schemas |= {name: _components[name] for name in missing}
        left += [_components[name] for name in missing]
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def close_requests(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: declare that a body has no other fields, which StrictSerializer refuses."""
    schemas = result["components"]["schemas"]
    bodies = [
        operation.get("requestBody", {}) for methods in result["paths"].values() for operation in methods.values()
    ]
    left = _referred(bodies)
    while left:
        schema = schemas.get(left.pop(), {})
        if schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
            left |= _referred(schema)
    return result


def dated_schema(type_: Any, *, pages: bool = False, **more: Any) -> Responses:
    """A response that says how old it is; `more` are properties beside `data`. With `pages`, it may be a page."""
    properties = {"data": schema_of(type_), **{name: schema_of(kind) for name, kind in more.items()}}
    return _dated(properties, PAGE if pages else {})


def typed_schema(type_: Any, *codes: int) -> Responses:
    """A value alone, under 200 or these."""
    return {code: schema_of(type_) for code in codes or (200,)}


def page_schema(type_: Any, **deprecated: str) -> Responses:
    """A page of `type_` that says how old it is; `deprecated` are other names of `data`, with their descriptions."""
    rows = schema_of(list[type_])
    aliases = {name: {**rows, "deprecated": True, "description": text} for name, text in deprecated.items()}
    return _dated({**PAGE, "data": rows, **aliases}, {})


def example(value: object, *, name: str = "Example", code: int = 200) -> OpenApiExample:
    """An example of a response."""
    return OpenApiExample(name, value=msgspec.to_builtins(value), response_only=True, status_codes=[str(code)])


def _dated(properties: dict[str, Any], optional: dict[str, Any]) -> Responses:
    required = {"as_of": {"type": "string", "format": "date-time"}, "stale": {"type": "boolean"}, **properties}
    return {200: {"type": "object", "required": [*required], "properties": {**required, **optional}}}


def _referred(schema: Any) -> set[str]:
    """The names of the components that a schema refers to."""
    if isinstance(schema, Mapping):
        name = str(schema.get("$ref", "")).removeprefix("#/components/schemas/")
        return {name}.union(*map(_referred, schema.values()))
    return set().union(*map(_referred, schema)) if isinstance(schema, list) else set()
