"""The broker's many spellings of an order's state, side and type, each mapped to one (iifl_api §3.5, §7)."""

import re

from broker.values import OrderStatus

_PENDING, _OPEN, _CANCELLED = OrderStatus.PENDING, OrderStatus.OPEN, OrderStatus.CANCELLED
# Words in lower case and between single blanks; see _normalize for what is left out of them.
STATUS_WORDS = {
    "pending": _PENDING,
    "received": _PENDING,
    "req received": _PENDING,
    "put req received": _PENDING,
    "validation pending": _PENDING,
    "open pending": _PENDING,
    "queued": _PENDING,
    "submitted": _PENDING,
    "in transit": _PENDING,
    "modify pending": _PENDING,
    "modify validation pending": _PENDING,
    "modify req received": _PENDING,
    "modification pending": _PENDING,
    "cancel pending": _PENDING,
    "cancel validation pending": _PENDING,
    "cancel req received": _PENDING,
    "open": _OPEN,
    "new": _OPEN,
    "active": _OPEN,
    "working": _OPEN,
    "modified": _OPEN,
    "replaced": _OPEN,
    "trigger pending": OrderStatus.TRIGGER_PENDING,
    "triggerpending": OrderStatus.TRIGGER_PENDING,
    "partially filled": OrderStatus.PARTIALLY_FILLED,
    "partially executed": OrderStatus.PARTIALLY_FILLED,
    "partially traded": OrderStatus.PARTIALLY_FILLED,
    "partially complete": OrderStatus.PARTIALLY_FILLED,
    "partially completed": OrderStatus.PARTIALLY_FILLED,
    "partial": OrderStatus.PARTIALLY_FILLED,
    "partial fill": OrderStatus.PARTIALLY_FILLED,
    "partial filled": OrderStatus.PARTIALLY_FILLED,
    "part filled": OrderStatus.PARTIALLY_FILLED,
    "part executed": OrderStatus.PARTIALLY_FILLED,
    "part traded": OrderStatus.PARTIALLY_FILLED,
    "complete": OrderStatus.COMPLETE,
    "completed": OrderStatus.COMPLETE,
    "executed": OrderStatus.COMPLETE,
    "filled": OrderStatus.COMPLETE,
    "traded": OrderStatus.COMPLETE,
    "fully executed": OrderStatus.COMPLETE,
    "fully filled": OrderStatus.COMPLETE,
    "fully traded": OrderStatus.COMPLETE,
    "cancelled": _CANCELLED,
    "canceled": _CANCELLED,
    "user cancelled": _CANCELLED,
    "cancel confirmed": _CANCELLED,
    "rejected": OrderStatus.REJECTED,
    "rms rejected": OrderStatus.REJECTED,
    "oms rejected": OrderStatus.REJECTED,
    "exchange rejected": OrderStatus.REJECTED,
    "expired": OrderStatus.EXPIRED,
    "lapsed": OrderStatus.EXPIRED,
}
SIDES = {"B": "BUY", "S": "SELL"}
ORDER_TYPES = {"L": "LIMIT", "LMT": "LIMIT", "MKT": "MARKET", "STOPLOSS": "SL", "STOPLIMIT": "SL", "SLLIMIT": "SL"}


def order_status(word: str) -> OrderStatus:
    """UNKNOWN for a word that is not in the table: a guess could be taken as proof that an order is over."""
    return STATUS_WORDS.get(_normalize(word), OrderStatus.UNKNOWN)


def side(word: str) -> str:
    return SIDES.get(word.upper(), word.upper())


def order_type(word: str) -> str:
    upper = word.upper()
    return ORDER_TYPES.get(re.sub(r"[^A-Z]", "", upper), upper)


def _normalize(word: str) -> str:
    """Leave out case, punctuation, "order", the mark of an after-market order, and by whom it was cancelled."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word)  # PartiallyFilled
    words = " ".join(re.findall(r"[a-z]+", spaced.lower()))
    words = re.sub(r"\b(after market orders?|after market|amo|orders?)\b", " ", words).replace("request", "req")
    return " ".join(re.sub(r"\bby\b.*", "", words).split())
