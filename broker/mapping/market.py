"""Market data: candles and quotes."""

import json
from collections.abc import Iterator
from typing import Any

from broker.errors import BrokerAnswerUnclear
from broker.mapping import envelope
from broker.mapping.fields import (
    Row,
    candle_time,
    decimal,
    first,
    integer,
    is_blank,
    moment,
    optional_decimal,
    row,
    text,
)
from broker.values import Candle, Depth, DepthLevel, OpenInterest, Quote

DEEPEST_CANDLES = 4  # objects and lists around candles; one more than any answer seen


def candles(answer: object) -> list[Candle]:
    """In order of time, one a time: a day that the broker repeats with other values counts as it came last."""
    by_time = {candle.time: candle for candle in map(_candle, _candle_rows(envelope.result(answer)))}
    return [by_time[time] for time in sorted(by_time)]


def _candle_rows(inner: Any, depth: int = 0) -> Iterator[Any]:
    """Nested as [{candles}], as {candles}, flat, or any of these as JSON in a string (iifl_api §3.8)."""
    if depth > DEEPEST_CANDLES:
        raise BrokerAnswerUnclear("candles inside candles")
    if isinstance(inner, str):
        inner = _parsed(inner)
    if isinstance(inner, dict):
        yield from _candle_rows(_inside(row(inner)), depth + 1)
        return
    if not isinstance(inner, list):
        raise BrokerAnswerUnclear("candles")
    for item in inner:
        if isinstance(item, dict):
            yield from _candle_rows(item, depth + 1)
        else:
            yield item


def _inside(fields: Row) -> Any:
    """What an object holds under `candles`; without that name it is no answer, which is more than an empty one."""
    if "candles" not in fields:
        raise BrokerAnswerUnclear("an answer without candles")
    return [] if is_blank(fields["candles"]) else fields["candles"]


def _parsed(inner: str) -> Any:
    try:
        return json.loads(inner)
    except (ValueError, RecursionError):
        raise BrokerAnswerUnclear("candles") from None


def _candle(raw: Any) -> Candle:
    if not isinstance(raw, list) or len(raw) < 6:
        raise BrokerAnswerUnclear("a candle of fewer than six parts")
    time = candle_time(raw[0])
    prices = [price for value in raw[1:5] if (price := optional_decimal(value)) is not None]
    if time is None or len(prices) < 4:
        raise BrokerAnswerUnclear("a candle without its time or prices")
    open_, high, low, close = prices
    return Candle(time=time, open=open_, high=high, low=low, close=close, volume=integer(raw[5]))


def quotes(answer: object) -> dict[tuple[str, str], Quote]:
    """By exchange and instrument id, never by place; the symbol is empty, because this answer does not name it.

    Left out are an unknown instrument's row (exchange "Z", id 0) and one without a price, which is not a price of 0.
    """
    found = (_quote(fields) for fields in envelope.rows(answer))
    return {(quote.exchange, quote.instrument_id): quote for quote in found if quote.instrument_id and quote.ltp}


def _quote(fields: Row) -> Quote:
    return Quote(
        exchange=text(fields.get("exchange")),
        symbol="",
        instrument_id=text(first(fields, ("instrumentId", "InstrumentId"))),
        ltp=decimal(fields.get("ltp")),
        open=decimal(fields.get("open")),
        high=decimal(fields.get("high")),
        low=decimal(fields.get("low")),
        previous_close=decimal(fields.get("close")),
        volume=integer(fields.get("tradedVolume")),
        average_price=decimal(fields.get("averageTradedPrice")),
        bid_price=decimal(fields.get("bestBidPrice")),
        bid_quantity=integer(fields.get("bestBidQuantity")),
        ask_price=decimal(first(fields, ("bestAskPrice", "besAskPrice"))),
        ask_quantity=integer(fields.get("bestAskQuantity")),
        quoted_at=moment(fields.get("tickTimestamp")),
    )


def depth(answer: object) -> Depth:
    """The symbol is empty, because this answer does not name it."""
    fields = envelope.record(answer)
    book = row(fields.get("marketDepth"))
    if not book:
        raise BrokerAnswerUnclear("a depth without marketDepth")
    return Depth(
        exchange=text(fields.get("exchange")),
        symbol="",
        instrument_id=text(first(fields, ("instrumentId", "InstrumentId"))),
        bids=_levels(book.get("bids")),
        asks=_levels(book.get("asks")),
        total_bid_quantity=integer(fields.get("totalBidQuantity")),
        total_ask_quantity=integer(fields.get("totalAskQuantity")),
    )


def _levels(raw: object) -> list[DepthLevel]:
    """Without those at no price: the broker fills up to five."""
    levels = [row(item) for item in raw] if isinstance(raw, list) else []
    return [
        DepthLevel(
            price=decimal(level.get("price")),
            quantity=integer(level.get("quantity")),
            orders=integer(level.get("orders")),
        )
        for level in levels
        if decimal(level.get("price"))
    ]


def open_interest(answer: object) -> OpenInterest:
    """The symbol is empty, because this answer does not name it."""
    fields = envelope.record(answer)
    if "openInterest" not in fields:
        raise BrokerAnswerUnclear("an answer without openInterest")
    return OpenInterest(
        exchange=text(fields.get("exchange")),
        symbol="",
        instrument_id=text(first(fields, ("instrumentId", "InstrumentId"))),
        open_interest=integer(fields.get("openInterest")),
        day_high=integer(fields.get("dayHighOi")),
        day_low=integer(fields.get("dayLowOi")),
    )
