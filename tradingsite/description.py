"""Finishing touches to the API's description."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.generators import SchemaGenerator


def summarize(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """An operation without a summary takes its description's first sentence, so that lists of operations say it."""
    for methods in result["paths"].values():
        for operation in methods.values():
            if "summary" not in operation:
                sentence, _, rest = operation.pop("description", "").partition(". ")
                operation |= {"summary": sentence.removesuffix("."), **({"description": rest} if rest else {})}
    return result


ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "detail"],
            "properties": {
                "code": {"type": "string", "description": "For programs"},
                "message": {"type": "string", "description": "A sentence that says what to do"},
                "detail": {"description": "By field, where fields are wrong"},
            },
        }
    },
}
MEANINGS = {
    400: "The request is wrong: the message names the field",
    401: "Nobody is logged in, or the token is not valid",
    403: "The permission for this is missing",
    404: "There is nothing of this name",
    409: "The same request is under way, or had no effect: the message says which",
    413: "The body is too large",
    415: "The body is of a kind that is not read",
    422: "The Idempotency-Key came with another request before",
    502: "The broker refused, or its answer could not be understood",
    503: "The broker or the cache cannot be asked: see Retry-After",
    504: "The broker did not answer in time",
}
OF_THE_BROKER = ("/api/broker/", "/api/portfolio/", "/api/signals/generate/", "/api/watchlist/")


def errors(result: dict[str, Any], generator: SchemaGenerator, **context: Any) -> dict[str, Any]:
    """Each operation says which errors it may be answered with; all have one shape."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            for status in _statuses(path, method, operation):
                answer = {"description": MEANINGS[status], "content": content}
                operation["responses"].setdefault(str(status), answer)
    return result


def _statuses(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    yield 400
    if operation.get("security") != []:
        yield from (401, 403)
    if "{" in path:
        yield 404
    if method in ("post", "put", "patch"):
        yield from (413, 415)
    if path.startswith("/api/broker/orders") and method != "get":
        yield from (404, 409, 422)
    if path.startswith(OF_THE_BROKER):
        yield from (502, 503, 504)
    if path.startswith("/api/system/"):
        yield 503
