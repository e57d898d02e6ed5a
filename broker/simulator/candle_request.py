"""Reads and validates requests for historical candles, with the broker's error codes."""

from collections.abc import Mapping
from datetime import date

import msgspec

from broker.simulator.codes import EXCHANGES
from broker.simulator.prices.candles import INTERVALS, INTRADAY
from broker.simulator.prices.contracts import Contract, Contracts
from broker.simulator.wire import parse_day

# The broker has such limits (EC809) but does not document them; these only prevent requests for millions of candles.
MAX_INTRADAY_DAYS = 366
MAX_DAYS = 50 * 366


class RefusedRequestError(Exception):
    """The request is answered with this EC code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class CandleRequest(msgspec.Struct, frozen=True):
    contract: Contract
    interval: str
    first: date
    last: date


def read_candle_request(body: Mapping[str, object], contracts: Contracts) -> CandleRequest:
    """Read a request. Raises RefusedRequestError with the code of the first error."""
    exchange = _text(body, "exchange")
    if not exchange:
        raise RefusedRequestError("EC900")
    if exchange not in EXCHANGES:
        raise RefusedRequestError("EC901")
    # The broker's older documents spell the key with a capital.
    number = _instrument_id(_text(body, "instrumentId") or _text(body, "InstrumentId"))
    interval = _text(body, "interval")
    if not interval:
        raise RefusedRequestError("EC801")
    if interval not in INTERVALS:
        raise RefusedRequestError("EC802")
    first, last = _range(_text(body, "fromDate"), _text(body, "toDate"), interval)
    contract = contracts.find(exchange, number)
    if contract is None:
        raise RefusedRequestError("EC947")
    return CandleRequest(contract, interval, first, last)


def _text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return "" if value is None else str(value).strip()


def _instrument_id(number: str) -> str:
    if not number:
        raise RefusedRequestError("EC941")
    if not (number.isascii() and number.removeprefix("-").isdigit()):
        raise RefusedRequestError("EC946")
    if number.startswith("-") or not number.strip("0"):
        raise RefusedRequestError("EC808")
    return number


def _range(first: str, last: str, interval: str) -> tuple[date, date]:
    start, end = _day(first, "EC803", "EC804"), _day(last, "EC805", "EC806")
    if start > end:
        raise RefusedRequestError("EC807")
    if start == end:
        raise RefusedRequestError("EC810")
    if (end - start).days > (MAX_INTRADAY_DAYS if interval in INTRADAY else MAX_DAYS):
        raise RefusedRequestError("EC809")
    return start, end


def _day(text: str, missing: str, malformed: str) -> date:
    if not text:
        raise RefusedRequestError(missing)
    day = parse_day(text)
    if day is None:
        raise RefusedRequestError(malformed)
    return day
