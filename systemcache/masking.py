"""Masks secrets in log lines: recognized by their format, by the name before them, or by their value if it is known.

Err on the side of masking too much. Callers choose parts of what is logged, so the time for a text grows no faster than
its length: each pattern is linear, and no line that a pattern sees is longer than MAX_LINE.
"""

import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import accumulate
from urllib.parse import quote, quote_plus

from systemcache import process_state

MASK = "********"
MIN_LENGTH = 6  # characters; shorter known values could be ordinary words
MAX_REMEMBERED = 50  # values
MAX_LINE = 4_000  # characters
MAX_TEXT = 64_000  # characters of a text of many lines
LAST_WORD = 1_000  # characters at a line's cut among which a blank is looked for: half a secret would not be recognized

# Names whose value is masked: password=…, "auth_code": "…", ('checksum', '…').
_NAMES = (
    r"(?:\w+[_-])?(?:auth[ _-]?code|checksum|user[_-]?session|token|secret|secret[_-]?key|app[_-]?key|api[_-]?key|"
    r"password|passwd|passphrase|csrfmiddlewaretoken|session[_-]?id)"
)
_HEADERS = r"(?:HTTP_)?(?:authori[sz]ation|set-cookie|cookie)"
_QUOTED = r"""b?"[^"]*"|b?'[^']*'"""


def _secret_after(before: str, secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<kept>{before})(?:{secret})", re.IGNORECASE)


PATTERNS = (
    # A header's whole value, including the scheme, up to the end of the line or the closing quote.
    _secret_after(rf"""["']?\b{_HEADERS}\b["']?\s*[:=,]\s*""", rf"""{_QUOTED}|[^\r\n"'{{}}]+"""),
    _secret_after(r"\bauthori[sz]ation\W{1,4}(?:bearer|token|basic)\s+", r"""[^\s"',;)}\]]+"""),
    _secret_after(r"\bbearer\s+", r"""[^\s"',;)}\]]+"""),
    _secret_after(r"\b(?:token|basic)\s+", r"[A-Za-z0-9._~+/=-]{12,}"),
    _secret_after(rf"""["']?\b{_NAMES}\b["']?\s*[=:]\s*""", rf"""{_QUOTED}|[^\s"'&,;)}}\]]+"""),
    _secret_after(rf"""["']{_NAMES}["']\s*,\s*""", _QUOTED),
    _secret_after(r"[?&]code=", r"""[^\s"'&]+"""),
    _secret_after(r"\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,100}:", r"[^\s/@]+(?=@)"),  # the password in a URL
    # A JWT. Possessive, and only at a word's start: "-" makes a \b, so that each "-eyJ" would be read to the end.
    _secret_after("", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]+){1,2}"),
    _secret_after("", r"\b[0-9a-f]{64}\b"),  # a SHA-256: a login checksum, a token's digest
)

_of_context: ContextVar[tuple[str, ...]] = ContextVar("secrets", default=())
_lock = threading.Lock()
_remembered: OrderedDict[str, None] = OrderedDict()
_sources: list[Callable[[], Iterable[str]]] = []


@process_state.on_reset
def _renew_lock() -> None:
    """Keep the remembered secrets: a forked child must not log them either."""
    global _lock
    _lock = threading.Lock()


def remember(secret: str) -> None:
    """Mask a short-lived secret, such as a session token, wherever it appears from now on."""
    with _lock:
        _remembered[secret] = None
        _remembered.move_to_end(secret)
        while len(_remembered) > MAX_REMEMBERED:
            _remembered.popitem(last=False)


@contextmanager
def also(secret: str) -> Iterator[None]:
    """Mask a secret in what this thread logs inside: one that is used once, or that may be no secret at all."""
    token = _of_context.set((*_of_context.get(), secret))
    try:
        yield
    finally:
        _of_context.reset(token)


def register(source: Callable[[], Iterable[str]]) -> None:
    """Add a function that returns secrets to mask, such as those in the settings. It is called for each text."""
    if source not in _sources:
        _sources.append(source)


def mask_secrets(text: str) -> str:
    """Return the text without secrets, its long lines cut."""
    with _lock:
        secrets = [*_remembered, *_of_context.get()]
    for source in _sources:
        secrets += source()
    for spelling in _spellings(tuple(secrets)):
        text = text.replace(spelling, MASK)
    text = _shorten(text)
    for pattern in PATTERNS:
        text = pattern.sub(rf"\g<kept>{MASK}", text)
    return text


def _shorten(text: str) -> str:
    """Cut long lines, and remove lines from the middle of a long text, because the end of a traceback says what
    happened."""
    if len(text) <= MAX_LINE:
        return text
    lines = [_cut(line) for line in text.split("\n")]
    if sum(map(len, lines)) <= MAX_TEXT:
        return "\n".join(lines)
    head = _lines_within(lines, MAX_TEXT // 2)
    tail = _lines_within(lines[: len(head) - 1 : -1], MAX_TEXT // 2)[::-1]
    return "\n".join([*head, f"… ({len(lines) - len(head) - len(tail)} lines left out)", *tail])


def _lines_within(lines: list[str], characters: int) -> list[str]:
    lengths = list(accumulate(len(line) + 1 for line in lines))
    return lines[: bisect_right(lengths, characters)]


def _cut(line: str) -> str:
    if len(line) <= MAX_LINE:
        return line
    end = line.rfind(" ", MAX_LINE - LAST_WORD, MAX_LINE)
    # Without a blank there: half a digest has no shape by which it would be recognized.
    kept = line[:end] if end != -1 else line[:MAX_LINE].rstrip("0123456789abcdef")
    return f"{kept}… ({len(line) - len(kept)} characters left out)"


@lru_cache(maxsize=8)
def _spellings(values: tuple[str, ...]) -> list[str]:
    """The values as they are, URL-quoted, and as in a repr; the longest first, since one may be part of another."""
    spellings = {
        spelling
        for value in values
        if len(value) >= MIN_LENGTH
        for spelling in (value, quote(value, safe=""), quote_plus(value), repr(value)[1:-1])
    }
    return sorted(spellings, key=len, reverse=True)
