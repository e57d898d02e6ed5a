"""Converts answers to other forms: each function takes a route's name and decoded JSON, and returns JSON."""

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
EXCLUDED_ROUTES = frozenset({"contractfiles"})
_DOCUMENTED_BARE = BOOKS | {"preordermargin", "spanexposure", "openinterest"}
_IDS = ("instrumentId", "InstrumentId", "nseInstrumentId", "bseInstrumentId")
_PRICES = ("averageTradedPrice", "price", "slTriggerPrice", "tradedPrice")
_MISSING = (None, "", "-", "NA", "NaN")
_STATUS_WORDS = {"cancelled": "canceled", "complete": "COMPLETE", "open": "OPEN", "rejected": "Rejected"}


def for_rows(change: Change, routes: frozenset[str] | None = None) -> Form:
    """Change every object of an answer, including the envelope, on these routes, or on all if None."""

    def form(route: str, content: Any) -> Any:
        return _map_rows(content, change) if routes is None or route in routes else content

    return form


def _map_rows(content: Any, change: Change) -> Any:
    if isinstance(content, dict):
        return change({key: _map_rows(value, change) for key, value in content.items()})
    if isinstance(content, list):
        return [_map_rows(item, change) for item in content]
    return content


def rename_keys(names: dict[str, str], routes: frozenset[str] | None = None) -> Form:
    return for_rows(lambda row: {names.get(key, key): value for key, value in row.items()}, routes)


def with_blank_keys(row: Row) -> Row:
    return {f"{key} ": value for key, value in row.items()}


def misspelt_in_first_row(route: str, content: Any) -> Any:
    """Misspell a key in the first row only, as the PDF does."""
    if route != "marketquotes" or not isinstance(content.get("result"), list):
        return content
    first, *others = content["result"]
    misspelt = {"besAskPrice" if key == "bestAskPrice" else key: value for key, value in first.items()}
    return content | {"result": [misspelt, *others]}


def with_other_ids(row: Row) -> Row:
    """Turn ids that are numbers into strings, and strings into numbers."""
    changed: Row = {}
    for key in _IDS:
        value = row.get(key)
        if isinstance(value, str):
            changed[key] = int(value) if value.isdigit() else value
        elif value is not None:
            changed[key] = str(value)
    return row | changed


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
    """Replace zeros and nulls by one of the five spellings of a missing number."""
    return {
        key: _MISSING[crc32(key.encode()) % len(_MISSING)] if _is_zero_or_null(value) else value
        for key, value in row.items()
    }


def _is_zero_or_null(value: object) -> bool:
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
    rows = content.get("result") if route == "historicaldata" else None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict) or rows[0].get("candles") is None:
        return content
    return content | {"result": rows[0]["candles"]}


def candles_as_text(route: str, content: Any) -> Any:
    if route != "historicaldata" or "result" not in content:
        return content
    return content | {"result": msgspec.json.encode(content["result"]).decode()}


def under_a_name(route: str, content: Any) -> Any:
    if route not in BOOKS or not _holds_rows(content):
        return content
    return content | {"result": {"data" if route == "order" else route: content["result"]}}


def first_row_alone(route: str, content: Any) -> Any:
    """Return only the first row, as the documents print holdings and positions."""
    if route not in ("holdings", "positions") or not _holds_rows(content):
        return content
    return content | {"result": content["result"][0]}


def _holds_rows(content: Any) -> bool:
    """Whether the answer is a book that is not empty."""
    rows = content.get("result")
    return isinstance(rows, list) and bool(rows) and "message" not in rows[0]


def object_for_list(route: str, content: Any) -> Any:
    """Turn a list of one object into that object, and an object into a list of one."""
    result = content.get("result") if isinstance(content, dict) else None
    if isinstance(result, dict):
        return content | {"result": [result]}
    if isinstance(result, list) and len(result) == 1 and isinstance(result[0], dict):
        return content | {"result": result[0]}
    return content


def bare_for_wrapped(route: str, content: Any) -> Any:
    """Remove or add the envelope, on the routes whose answers the documents print without one."""
    if route not in _DOCUMENTED_BARE:
        return content
    if "result" in content:
        return content["result"]
    return {"status": "Ok", "message": "Success", "result": content}
