"""Finishing touches to the API's description."""

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
