"""The parser of request bodies."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.utils.json import strict_constant

MAX_NAME_LENGTH = 60  # characters of a name in an error


class StrictJSONParser(JSONParser):
    """Refuses an object that gives a name twice, of which other parsers take either value, and names it.

    A view with `exact_numbers` gets numbers with a point or an exponent as the text that was sent: a binary float would
    change a price, and hide the exponent. A body nested a hundred thousand levels deep is a 400 as well, not a 500.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        context = parser_context or {}
        reader = codecs.getreader(context.get("encoding", settings.DEFAULT_CHARSET))
        exact = getattr(context.get("view"), "exact_numbers", False)
        try:
            return json.load(
                reader(stream),
                parse_int=_integer,
                parse_float=str if exact else float,
                parse_constant=strict_constant,  # NaN and Infinity are not JSON
                object_pairs_hook=_without_repetition,
            )
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # beyond sys.get_int_max_str_digits()
        raise ValueError("a number has more digits than can be read") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            # JSON can spell a lone surrogate, which no response can hold.
            shown = name[:MAX_NAME_LENGTH].encode("utf-8", "backslashreplace").decode()
            raise ValidationError({shown: ["The body gives this name more than once."]})
        values[name] = value
    return values
