"""Keys, as pure functions: built from a template, never pasted; taken apart again; matched by a safe glob."""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from systemcache.errors import InvalidKeyPart

KeyPart = str | int | date
Params = Mapping[str, KeyPart]

FIELD = re.compile(r"\{(\w+)\}")
# No colon (it separates parts), no glob characters, no white space at the ends, nothing that a log line could not hold.
PART = re.compile(r"[A-Za-z0-9&_@+.-](?:[A-Za-z0-9&_@+. -]{0,62}[A-Za-z0-9&_@+.-])?", re.ASCII)


def part(field: str, value: KeyPart) -> str:
    """One part of a key. Raises InvalidKeyPart naming the field."""
    text = value.isoformat() if isinstance(value, date) else str(value)
    if not PART.fullmatch(text):
        raise InvalidKeyPart(field)
    return text


def build(template: str, params: Params) -> str:
    """`api:candles:{symbol}` with its fields filled in. A missing or surplus parameter is a programming error."""
    if set(params) != set(fields(template)):
        raise TypeError(f"{template} takes {fields(template)}, not {tuple(params)}")
    return template.format_map({name: part(name, value) for name, value in params.items()})


def build_part_of(template: str, params: Params) -> str:
    """A tag: a template that needs only some of the parameters."""
    return build(template, {name: params[name] for name in fields(template)})


def pattern(template: str, params: Params) -> str:
    """A glob for every key of the template that carries these parameters; parts cannot hold glob characters."""
    return template.format_map({name: part(name, params[name]) if name in params else "*" for name in fields(template)})


@lru_cache
def fields(template: str) -> tuple[str, ...]:
    return tuple(FIELD.findall(template))


@lru_cache
def _matcher(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(f"(?P<{text}>[^:]+)" if i % 2 else re.escape(text) for i, text in enumerate(FIELD.split(template)))
    )


def parse(template: str, key: str) -> dict[str, str] | None:
    """The parameters that a key of this template was built from; None for another template's key."""
    found = _matcher(template).fullmatch(key)
    return found.groupdict() if found else None


def escape_glob(text: str) -> str:
    """The text as a Redis glob that matches only itself."""
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", text)
