"""Other forms of the same answer: each takes a route's name and the decoded JSON, and returns JSON."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec

from broker.simulator.wire import Row

Form = Callable[[str, Any], Any]
Change = Callable[[Row], Row]

BOOKS = frozenset({"holdings", "positions", "orders", "order", "trades"})
ORDERS = frozenset({"orders", "order"})
MARKET = frozenset({"marketquotes", "marketdepth", "openinterest"})
SPARED = frozenset({"contractfiles"})
_DOCUMENTED_BARE = BOOKS | {"preordermargin", "spanexposure", "openinterest"}
_IDS = ("instrumentId", "InstrumentId", "nseInstrumentId", "bseInstrumentId")
_PRICES = ("averageTradedPrice", "price", "slTriggerPrice", "tradedPrice")
_MISSING = (None, "", "-", "NA", "NaN")
_STATUS_WORDS = {"cancelled": "canceled", "complete": "COMPLETE", "open": "OPEN", "rejected": "Rejected"}


def on_rows(change: Change, routes: frozenset[str] | None = None) -> Form:
    """Changes every object of an answer, the envelope included, on these routes; None: on all."""

    def form(route: str, content: Any) -> Any:
        return _changed(content, change) if routes is None or route in routes else content

    return form


def _changed(content: Any, change: Change) -> Any:
    if isinstance(content, dict):
        return change({key: _changed(value, change) for key, value in content.items()})
    if isinstance(content, list):
        return [_changed(item, change) for item in content]
    return content


def renamed(names: dict[str, str], routes: frozenset[str] | None = None) -> Form:
    return on_rows(lambda row: {names.get(key, key): value for key, value in row.items()}, routes)


def with_blank_keys(row: Row) -> Row:
    return {f"{key} ": value for key, value in row.items()}


def misspelt_in_first_row(route: str, content: Any) -> Any:
    """As the PDF prints it: the second row is right."""
    if route != "marketquotes" or not isinstance(content.get("result"), list):
        return content
    first, *others = content["result"]
    misspelt = {"besAskPrice" if key == "bestAskPrice" else key: value for key, value in first.items()}
    return content | {"result": [misspelt, *others]}


def with_other_ids(row: Row) -> Row:
    """Numbers as strings, strings as numbers."""
    return row | {key: _other_type(row[key]) for key in _IDS if key in row}


def _other_type(value: object) -> object:
    if isinstance(value, str):
        return int(value) if value.isdigit() else value
    return str(value)


def with_all_quantities(row: Row) -> Row:
    if "totalQuantity" not in row:
        return row
    parts = ("dpQuantity", "t1Quantity", "collateralQuantity", "authorizedQuantity")
    return row | {"totalQuantity": sum(int(str(row[part])) for part in parts)}


def with_active_account(row: Row) -> Row:
    return row | {"accountStatus": "Active"} if "accountStatus" in row else row


def with_protection_as_price(row: Row) -> Row:
    percent = Decimal(str(row.get("marketProtectionPercent") or 0))
    price = Decimal(str(row.get("averageTradedPrice") or 0))
    if not percent:
        return row
    away = percent if row["transactionType"] == "BUY" else -percent
    return row | {"marketProtectionPercent": f"{price * (100 + away) / 100:.2f}"}


def with_prices_in_paise(row: Row) -> Row:
    return row | {key: f"{Decimal(str(row[key])) * 100:.2f}" for key in _PRICES if key in row}


def with_missing_numbers(row: Row) -> Row:
    """Zeros, and numbers that are null, in one of the five disguises each."""
    return {
        key: _MISSING[crc32(key.encode()) % len(_MISSING)] if _is_nothing(value) else value
        for key, value in row.items()
    }


def _is_nothing(value: object) -> bool:
    if isinstance(value, str):
        return value != "" and not value.strip("0.")
    return value is None or value == 0


def with_numbers_as_text(row: Row) -> Row:
    return {key: str(value) if isinstance(value, int | float) else value for key, value in row.items()}


def with_other_status_words(row: Row) -> Row:
    status = row.get("orderStatus")
    return row | {"orderStatus": _STATUS_WORDS.get(status, status)} if isinstance(status, str) else row


def with_success_in_words(row: Row) -> Row:
    return row | {"status": "SUCCESS"} if row.get("status") == "Ok" else row


def login_refused_as_documented(route: str, content: Any) -> Any:
    if "stat" not in content:
        return content
    return {"status": content["stat"], "message": content["emsg"]}


def candles_flat(route: str, content: Any) -> Any:
    candles = _candles(route, content)
    return content if candles is None else content | {"result": candles}


def candles_as_text(route: str, content: Any) -> Any:
    if route != "historicaldata" or "result" not in content:
        return content
    return content | {"result": msgspec.json.encode(content["result"]).decode()}


def _candles(route: str, content: Any) -> Any:
    rows = content.get("result") if route == "historicaldata" else None
    return rows[0].get("candles") if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None


def under_a_name(route: str, content: Any) -> Any:
    if route not in BOOKS or not _holds_rows(content):
        return content
    return content | {"result": {"data" if route == "order" else route: content["result"]}}


def first_row_alone(route: str, content: Any) -> Any:
    """The documents print holdings and positions as one object."""
    if route not in ("holdings", "positions") or not _holds_rows(content):
        return content
    return content | {"result": content["result"][0]}


def _holds_rows(content: Any) -> bool:
    """Whether it is a book that is not empty."""
    rows = content.get("result")
    return isinstance(rows, list) and bool(rows) and "message" not in rows[0]


def object_for_list(route: str, content: Any) -> Any:
    """A list of one object as that object, an object as a list of one."""
    result = content.get("result") if isinstance(content, dict) else None
    if isinstance(result, dict):
        return content | {"result": [result]}
    if isinstance(result, list) and len(result) == 1 and isinstance(result[0], dict):
        return content | {"result": result[0]}
    return content


def bare_for_wrapped(route: str, content: Any) -> Any:
    """Only on the routes whose answers the documents print bare."""
    if route not in _DOCUMENTED_BARE:
        return content
    if "result" in content:
        return content["result"]
    return {"status": "Ok", "message": "Success", "result": content}
