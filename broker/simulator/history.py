"""Requests for historical candles: what the broker refuses, and with which code."""

from collections.abc import Mapping
from datetime import date

import msgspec

from broker.simulator.candles import INTERVALS, INTRADAY
from broker.simulator.codes import EXCHANGES
from broker.simulator.contracts import Contract, Contracts
from broker.simulator.wire import parse_day

# The broker has such limits (EC809) and does not say which: these only stop requests for millions of candles.
LONGEST_INTRADAY_DAYS = 366
LONGEST_DAYS = 50 * 366


class RefusedRequestError(Exception):
    """The request is answered by this EC code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HistoryRequest(msgspec.Struct, frozen=True):
    contract: Contract
    interval: str
    first: date
    last: date


def read_history_request(body: Mapping[str, object], contracts: Contracts) -> HistoryRequest:
    """Raises RefusedRequestError with the code of the first thing wrong."""
    exchange = _exchange(_text(body, "exchange"))
    # The broker's older papers spell the key with a capital.
    number = _number(_text(body, "instrumentId") or _text(body, "InstrumentId"))
    interval = _interval(_text(body, "interval"))
    first, last = _range(_text(body, "fromDate"), _text(body, "toDate"), interval)
    contract = contracts.find(exchange, number)
    if contract is None:
        raise RefusedRequestError("EC947")
    return HistoryRequest(contract, interval, first, last)


def _text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return "" if value is None else str(value).strip()


def _exchange(exchange: str) -> str:
    if not exchange:
        raise RefusedRequestError("EC900")
    if exchange not in EXCHANGES:
        raise RefusedRequestError("EC901")
    return exchange


def _number(number: str) -> str:
    if not number:
        raise RefusedRequestError("EC941")
    if not (number.isascii() and number.removeprefix("-").isdigit()):
        raise RefusedRequestError("EC946")
    if number.startswith("-") or not number.strip("0"):
        raise RefusedRequestError("EC808")
    return number


def _interval(interval: str) -> str:
    if not interval:
        raise RefusedRequestError("EC801")
    if interval not in INTERVALS:
        raise RefusedRequestError("EC802")
    return interval


def _range(first: str, last: str, interval: str) -> tuple[date, date]:
    start, end = _day(first, "EC803", "EC804"), _day(last, "EC805", "EC806")
    if start > end:
        raise RefusedRequestError("EC807")
    if start == end:
        raise RefusedRequestError("EC810")
    if (end - start).days > (LONGEST_INTRADAY_DAYS if interval in INTRADAY else LONGEST_DAYS):
        raise RefusedRequestError("EC809")
    return start, end


def _day(text: str, missing: str, malformed: str) -> date:
    if not text:
        raise RefusedRequestError(missing)
    day = parse_day(text)
    if day is None:
        raise RefusedRequestError(malformed)
    return day
