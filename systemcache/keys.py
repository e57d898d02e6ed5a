"""Builds keys from templates, parses them back, and makes glob patterns for them. Pure functions."""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from systemcache.errors import InvalidKeyPart

KeyPart = str | int | date
Params = Mapping[str, KeyPart]

FIELD = re.compile(r"\{(\w+)\}")
# No colon (it separates parts), no glob characters, no leading or trailing space, nothing that could break a log line.
PART = re.compile(r"[A-Za-z0-9&_@+.-](?:[A-Za-z0-9&_@+. -]{0,62}[A-Za-z0-9&_@+.-])?", re.ASCII)


def build_part(field: str, value: KeyPart) -> str:
    """Format and validate one part of a key. Raises InvalidKeyPart, which names the field."""
    text = value.isoformat() if isinstance(value, date) else str(value)
    if not PART.fullmatch(text):
        raise InvalidKeyPart(field)
    return text


def build(template: str, params: Params) -> str:
    """Fill in a template such as `api:candles:{symbol}`. Raises TypeError for a missing or surplus parameter."""
    if set(params) != set(fields(template)):
        raise TypeError(f"{template} takes {fields(template)}, not {tuple(params)}")
    return template.format_map({name: build_part(name, value) for name, value in params.items()})


def build_tag(template: str, params: Params) -> str:
    """Build a tag, whose template may use only some of the parameters."""
    return build(template, {name: params[name] for name in fields(template)})


def pattern(template: str, params: Params) -> str:
    """A glob for all keys of the template with these parameters. It is safe: no part can contain glob characters."""
    return template.format_map(
        {name: build_part(name, params[name]) if name in params else "*" for name in fields(template)}
    )


@lru_cache
def fields(template: str) -> tuple[str, ...]:
    return tuple(FIELD.findall(template))


@lru_cache
def _matcher(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(f"(?P<{text}>[^:]+)" if i % 2 else re.escape(text) for i, text in enumerate(FIELD.split(template)))
    )


def parse(template: str, key: str) -> dict[str, str] | None:
    """The parameters from which a key was built; None if it was not built from this template."""
    match = _matcher(template).fullmatch(key)
    return match.groupdict() if match else None


def escape_glob(text: str) -> str:
    """Escape text so that as a Redis glob it matches only itself."""
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", text)
