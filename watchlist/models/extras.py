"""Validates free-form JSON, so that every database and the cache's encoder can hold it."""

import json

from django.core.exceptions import ValidationError

MAX_LENGTH = 8_000  # characters of JSON
MAX_DEPTH = 20


def storable_object(value: object) -> None:
    """Validate an object of bounded size that holds plain text and finite numbers."""
    if not isinstance(value, dict):
        raise ValidationError("Give a JSON object.")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError) as error:  # NaN, Infinity (also as 1e999), lone surrogates
        raise ValidationError("Use only valid Unicode text and finite numbers.") from error
    if "\\u0000" in text:  # PostgreSQL's jsonb refuses it
        raise ValidationError("Null characters are not allowed.")
    if len(text) > MAX_LENGTH or _depth(value) > MAX_DEPTH:
        raise ValidationError(f"Use at most {MAX_LENGTH} characters of JSON, at most {MAX_DEPTH} levels deep.")


def _depth(value: object, level: int = 1) -> int:
    """Return the depth of the nesting, counted no further than what is refused."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if level > MAX_DEPTH:
        return level
    return max((_depth(item, level + 1) for item in inner), default=level)
