"""Free JSON beside the columns, as far as every database and the cache's encoder can hold it."""

import json

from django.core.exceptions import ValidationError

MOST = 8_000  # characters of JSON
DEEPEST = 20


def storable_object(value: object) -> None:
    """A validator: an object of a bounded size, of plain text and finite numbers."""
    if not isinstance(value, dict):
        raise ValidationError("Give a JSON object.")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError) as error:  # NaN, Infinity (also as 1e999), halves of characters
        raise ValidationError("May hold whole characters and finite numbers only.") from error
    if "\\u0000" in text:  # PostgreSQL's jsonb refuses it
        raise ValidationError("May not hold null characters.")
    if len(text) > MOST or _depth(value) > DEEPEST:
        raise ValidationError(f"May hold {MOST} characters of JSON, {DEEPEST} levels deep, at the most.")


def _depth(value: object, level: int = 1) -> int:
    """How deep the nesting goes; it is not followed further than what is refused anyway."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if level > DEEPEST:
        return level
    return max((_depth(item, level + 1) for item in inner), default=level)
