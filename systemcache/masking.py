"""Keeps secrets out of what is written: by how they look, by their names, and by their values where those are known.

Rather a word too many than one too few: what is masked here was never meant to be read.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST = 6  # characters of a known value: shorter ones are words
MOST = 50  # values that are remembered

# Whose value is masked: password=…, "auth_code": "…", ('checksum', '…').
_NAMES = (
    r"(?:\w+[_-])?(?:auth[ _-]?code|checksum|user[_-]?session|token|secret|secret[_-]?key|app[_-]?key|api[_-]?key|"
    r"password|passwd|passphrase|csrfmiddlewaretoken|session[_-]?id)"
)
_HEADERS = r"(?:HTTP_)?(?:authori[sz]ation|set-cookie|cookie)"
_QUOTED = r"""b?"[^"]*"|b?'[^']*'"""


def _after(before: str, secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<kept>{before})(?:{secret})", re.IGNORECASE)


_PATTERNS = (
    # A header's whole value, scheme and all, up to the end of its line or of what quotes it.
    _after(rf"""["']?\b{_HEADERS}\b["']?\s*[:=,]\s*""", rf"""{_QUOTED}|[^\r\n"'{{}}]+"""),
    _after(r"\bauthori[sz]ation\W{1,4}(?:bearer|token|basic)\s+", r"""[^\s"',;)}\]]+"""),
    _after(r"\bbearer\s+", r"""[^\s"',;)}\]]+"""),
    _after(r"\b(?:token|basic)\s+", r"[A-Za-z0-9._~+/=-]{12,}"),
    _after(rf"""["']?\b{_NAMES}\b["']?\s*[=:]\s*""", rf"""{_QUOTED}|[^\s"'&,;)}}\]]+"""),
    _after(rf"""["']{_NAMES}["']\s*,\s*""", _QUOTED),
    _after(r"[?&]code=", r"""[^\s"'&]+"""),
    _after(r"\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,100}:", r"[^\s/@]+(?=@)"),  # the password in an address
    _after("", r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+){1,2}"),  # a JWT
    _after("", r"\b[0-9a-f]{64}\b"),  # a SHA-256: the login's checksum, a token's digest
)

_lock = threading.Lock()
_remembered: OrderedDict[str, None] = OrderedDict()
_sources: list[Callable[[], Iterable[str]]] = []


def remember(secret: str) -> None:
    """A secret of this moment, such as a session's token: from now on it is masked wherever it stands."""
    with _lock:
        _remembered[secret] = None
        _remembered.move_to_end(secret)
        while len(_remembered) > MOST:
            _remembered.popitem(last=False)


def register(source: Callable[[], Iterable[str]]) -> None:
    """Secrets that are asked for each time, such as those in the settings."""
    if source not in _sources:
        _sources.append(source)


def masked(text: str) -> str:
    known = _pattern_of(_known())
    if known:
        text = known.sub(MASK, text)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<kept>{MASK}", text)
    return text


def _known() -> tuple[str, ...]:
    with _lock:
        found = list(_remembered)
    for source in _sources:
        found += source()
    return tuple(found)


@lru_cache(maxsize=8)
def _pattern_of(values: tuple[str, ...]) -> re.Pattern[str] | None:
    """The values as they are and as an address or a repr would show them, the longest first."""
    spellings = {
        spelling
        for value in values
        if len(value) >= SHORTEST
        for spelling in (value, quote(value, safe=""), quote_plus(value), repr(value)[1:-1])
    }
    if not spellings:
        return None
    return re.compile("|".join(map(re.escape, sorted(spellings, key=len, reverse=True))))
