"""The one reader of the environment: every variable is read once, typed, and refused loudly."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


class Environment:
    """Typed look-ups in a mapping of strings. A value that does not fit raises ImproperlyConfigured naming it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks; empty counts as unset, so that `NAME=` in a .env file is harmless."""
        return self._values.get(name, "").strip() or default

    def matching(self, name: str, default: str, pattern: str, what: str) -> str:
        value = self.text(name, default)
        if not re.fullmatch(pattern, value):
            raise ImproperlyConfigured(f"{name} must be {what}; it is {value!r}.")
        return value

    def integer(self, name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number; it is {value!r}.") from None
        if not minimum <= number <= maximum:
            raise ImproperlyConfigured(f"{name} must lie between {minimum} and {maximum}; it is {number}.")
        return number

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name, str(default)).lower()
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        raise ImproperlyConfigured(f"{name} must be true or false; it is {value!r}.")

    def names(self, name: str, default: str = "") -> list[str]:
        """A list separated by commas."""
        found = [part.strip() for part in self.text(name, default).split(",") if part.strip()]
        if self.text(name) and not found:
            raise ImproperlyConfigured(f"{name} must be names separated by commas; it holds none.")
        return found

    def url(self, name: str, default: str, *, schemes: tuple[str, ...]) -> str:
        value = self._address(name, default, schemes)
        if not _has_host_and_port(value):
            raise ImproperlyConfigured(f"{name} must be an address whose host and port make sense.")
        return value.rstrip("/")

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's connection settings from an address such as postgres://user:password@host/name."""
        value = self._address(name, default, ("postgres", "postgresql", "sqlite"))
        try:
            found = dict(environ.Env.db_url_config(value))
        except Exception:  # it documents none
            raise ImproperlyConfigured(f"{name} must be an address whose host and port make sense.") from None
        if found["NAME"] in ("", ":memory:"):  # what is in a process's memory no other process sees
            raise ImproperlyConfigured(f"{name} must name a database after its last slash.")
        return found

    def _address(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """Neither it nor what is wrong with it is ever quoted back: an address may carry a password."""
        value = self.text(name, default)
        if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            known = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} must be an address that begins with {known}.")
        return value


def _has_host_and_port(address: str) -> bool:
    """A socket's file needs neither."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "unix" or (bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return False
