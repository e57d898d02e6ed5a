"""The base class of all values."""

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable, compared by content, built by keyword. (mypy requires each subclass to repeat the options.)"""
