"""The one reader of the environment: each variable is read once, as its type; a wrong value or name stops the start."""

import base64
import os
import re
import ssl
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from systemcache.storage import redis_url

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
# No other program's variables begin like this.
OWN_PREFIXES = ("IIFL_", "SIMULATOR_", "CACHE_TTL_", "CACHE_STALE_")


class Environment:
    """Typed look-ups in a mapping of strings. A value of the wrong type raises ImproperlyConfigured, which names the
    variable.

    The names that have been looked up are the known ones: call refuse_unknown() after the last look-up.
    """

    OFF = "off"

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._known: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks; empty counts as unset, so that `NAME=` in a .env file is harmless."""
        self._known.add(name)
        return self._values.get(name, "").strip() or default

    def refuse_unknown(self) -> None:
        """Raise ImproperlyConfigured for a probably misspelt variable of ours; other programs' variables pass."""
        for name in sorted(self._values.keys() - self._known):
            own = name.startswith(OWN_PREFIXES)
            near = get_close_matches(name, self._known, n=1) if own else meant_names(name, self._known)
            if (own or near) and self._values[name].strip():
                hint = f"did you mean {near[0]}?" if near else ".env.example lists all of them."
                raise ImproperlyConfigured(f"{name} is not a variable of this site: {hint}")

    def matching(self, name: str, default: str, pattern: str, what: str) -> str:
        value = self.text(name, default)
        if not re.fullmatch(pattern, value):
            raise ImproperlyConfigured(f"{name} must be {what}; it is {value!r}.")
        return value

    def integer(self, name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
        value = self.text(name)
        if not value:
            return default
        if not re.fullmatch(r"[+-]?[0-9]+", value):  # int() also reads 1_0 and १०
            raise ImproperlyConfigured(f"{name} must be a whole number; it is {value!r}.")
        number = int(value)
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
            raise ImproperlyConfigured(f"{name} must be names separated by commas; it contains none.")
        return found

    def origins(self, name: str) -> list[str]:
        """A list of origins as browsers send them (https://host:port), separated by commas."""
        found = self.names(name)
        for origin in found:
            if not re.fullmatch(r"https?://[^/\s?#@]+", origin) or not _has_host_and_port(origin):
                raise ImproperlyConfigured(
                    f"{name} must be origins such as https://example.com:8443; one is {origin!r}."
                )
        return found

    def networks(self, name: str, default: str = "") -> list[str]:
        """Addresses and networks (10.0.0.0/8), separated by commas."""
        found = self.names(name, default)
        for network in found:
            try:
                ip_network(network)
            except ValueError as error:
                raise ImproperlyConfigured(f"{name} must list IP addresses or networks; {error}.") from None
        return found

    def choices(self, name: str, allowed: Iterable[str]) -> list[str]:
        """A list of known names, separated by commas; empty if unset."""
        found = self.names(name)
        if unknown := [value for value in found if value not in allowed]:
            raise ImproperlyConfigured(f"{name} may list {', '.join(allowed)}; {unknown[0]!r} is none of them.")
        return found

    def url(self, name: str, default: str, *, schemes: tuple[str, ...]) -> str:
        value = self._address(name, default, schemes)
        if not _has_host_and_port(value):
            raise ImproperlyConfigured(f"{name} must be an address whose host and port make sense.")
        return value.rstrip("/")

    def url_or_off(self, name: str, default: str, *, schemes: tuple[str, ...]) -> str:
        """An address, or "" for the word `off`."""
        return "" if self.text(name, default).lower() == self.OFF else self.url(name, default, schemes=schemes)

    def file(self, name: str) -> str:
        """The path of a file that can be read; "" if unset."""
        path = self.text(name)
        if path and not os.access(path, os.R_OK):
            raise ImproperlyConfigured(f"{name} must be a file that can be read; {path!r} is not.")
        return path

    def certificates(self, name: str) -> str:
        """The path of a file of PEM certificates to trust; "" if unset."""
        path = self.file(name)
        if path:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            except OSError:  # SSLError is one
                raise ImproperlyConfigured(f"{name} must be a file of PEM certificates; {path!r} is none.") from None
        return path

    def redis(self, name: str, default: str) -> str:
        """The address of a Redis: redis://, rediss:// (TLS), unix://, or redis+sentinel://."""
        value = self._address(name, default, redis_url.SCHEMES)
        if redis_url.is_sentinel(value):
            try:
                redis_url.parse_sentinel(value)
            except ValueError as error:
                raise ImproperlyConfigured(f"{name} must {error}.") from None
            return value
        if not _has_host_and_port(value):
            raise ImproperlyConfigured(f"{name} must be an address whose host and port make sense.")
        parts = urlsplit(value)
        if parts.scheme != "unix" and not re.fullmatch(r"/?|/\d{1,4}/?", parts.path):
            raise ImproperlyConfigured(f"{name} must end in the number of a database, as in redis://host:6379/0.")
        return value.rstrip("/")

    def seconds(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        """A number of seconds, which may have a fraction."""
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) or not minimum <= float(value) <= maximum:
            raise ImproperlyConfigured(
                f"{name} must be a number of seconds between {minimum:g} and {maximum:g}; it is {value!r}."
            )
        return float(value)

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's connection settings from an address such as postgres://user:password@host/name."""
        value = self._address(name, default, ("postgres", "postgresql", "sqlite"))
        try:
            found = dict(environ.Env.db_url_config(value))
        except Exception:  # the library documents none
            raise ImproperlyConfigured(f"{name} must be an address whose host and port make sense.") from None
        if found["NAME"] in ("", ":memory:"):  # other processes cannot see what is in one's memory
            raise ImproperlyConfigured(f"{name} must name a database after its last slash.")
        return found

    def email(self, name: str) -> dict[str, Any]:
        """Django's e-mail settings from an address such as smtp+tls://user:password@host:587; empty if unset."""
        if not self.text(name):
            return {}
        schemes = ("smtp", "smtps", "smtp+tls", "smtp+ssl", "submission", "consolemail", "filemail", "memorymail")
        value = self._address(name, "", schemes)
        try:
            found = dict(environ.Env.email_url_config(value))
            if value.startswith(("smtp", "submission")) and not urlsplit(value).hostname:
                raise ValueError
            return found
        except Exception:  # the library documents none
            raise ImproperlyConfigured(f"{name} must be an address whose host and port make sense.") from None

    def webhook_secret(self, name: str) -> str:
        """A secret in the form of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes; empty if unset."""
        value = self.text(name)
        if not value:
            return ""
        try:
            key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not value.startswith("whsec_") or not 24 <= len(key) <= 64:  # the value is never quoted
            raise ImproperlyConfigured(f"{name} must be whsec_ followed by 24 to 64 bytes in base64.")
        return value

    def _address(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """Errors never quote the value, because an address may contain a password."""
        value = self.text(name, default)
        if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            known = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} must be an address that begins with {known}.")
        return value


def is_loopback(host: str | None) -> bool:
    """Whether only this machine reaches a host that is listened on, or called."""
    if host == "localhost":
        return True
    try:
        return ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def meant_names(name: str, known: Iterable[str]) -> list[str]:
    """The known name of which `name` is probably a misspelling; empty if it is more likely another program's."""
    known = sorted(other for other in known if "_" in other)  # HOST and PORT are too short to tell
    if near := get_close_matches(name, known, n=1, cutoff=0.93):  # a letter is missing, of a name that others end in
        return near
    if name.startswith("OTEL_"):  # OpenTelemetry has dozens, which are much alike
        return []
    if any(f"_{other}_" in f"_{name}_" for other in known):  # derived from one of ours, like TEST_DATABASE_URL
        return []
    # A shared first word makes unrelated names similar (DATABASE_USER is 0.88 like DATABASE_URL): compare the rest.
    first, _, rest = name.partition("_")
    same_first = {other.removeprefix(f"{first}_"): other for other in known if other.startswith(f"{first}_")}
    near = get_close_matches(rest, same_first, n=1, cutoff=0.75)
    return [same_first[near[0]]] if near else get_close_matches(name, known, n=1, cutoff=0.885)


def _has_host_and_port(address: str) -> bool:
    """The address of a socket's file has neither."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "unix" or (bool(parts.hostname) and parts.port != 0)
    except ValueError:
        return False
