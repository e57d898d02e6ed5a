"""Maps market data: candles, quotes, depth, open interest."""

import json
from collections.abc import Callable, Hashable, Iterator
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from broker import pnl
from broker.errors import BrokerAnswerUnclear
from broker.iifl.mapping import envelope
from broker.iifl.mapping.fields import (
    Row,
    average,
    candle_time,
    first_filled,
    is_blank,
    known_or_blank,
    moment,
    price,
    price_or_zero,
    row,
    text,
    whole_number,
)
from broker.values import Candle, Depth, DepthLevel, Interval, OpenInterest, Quote

MAX_NESTING = 4  # of objects and lists around candles; one more than in any answer so far


def candles(answer: object, interval: Interval, exchange: str = "") -> list[Candle]:
    """Return candles in order of time; of candles with the same time, or of the same day, week or month of such
    candles, the last one counts."""
    # The 45,000 prices of a month of minutes are some 2,000 different ones.
    read_price = lru_cache(maxsize=None, typed=True)(partial(price_or_zero, exchange=exchange))
    rows = (_candle(raw, read_price) for raw in _candle_rows(envelope.result(answer)))
    by_time = {candle.time: candle for candle in rows}
    in_order = [by_time[time] for time in sorted(by_time)]
    if interval.is_intraday:
        return in_order
    return list({interval.period_start(candle.time.date()): candle for candle in in_order}.values())


def _candle_rows(inner: Any, depth: int = 0) -> Iterator[Any]:
    """Find rows nested as [{candles}], as {candles}, flat, or any of these as JSON in a string (iifl_api §3.8)."""
    if depth > MAX_NESTING:
        raise BrokerAnswerUnclear("candles inside candles")
    if isinstance(inner, str):
        try:
            inner = json.loads(inner)
        except (ValueError, RecursionError):
            raise BrokerAnswerUnclear("candles") from None
    if isinstance(inner, dict):
        fields = row(inner)
        if "candles" not in fields:  # unlike a blank value, not an empty answer
            raise BrokerAnswerUnclear("an answer without candles")
        yield from _candle_rows([] if is_blank(fields["candles"]) else fields["candles"], depth + 1)
        return
    if not isinstance(inner, list):
        raise BrokerAnswerUnclear("candles")
    for item in inner:
        if isinstance(item, dict):
            yield from _candle_rows(item, depth + 1)
        else:
            yield item


def _candle(raw: Any, read_price: Callable[[Hashable], Decimal | None]) -> Candle:
    if not isinstance(raw, list) or len(raw) < 6:
        raise BrokerAnswerUnclear("a candle of fewer than six values")
    time = candle_time(raw[0])
    written = [value for value in raw[1:5] if not isinstance(value, list | dict)]
    prices = [each for value in written if (each := read_price(value)) is not None]
    if time is None or len(prices) < 4:
        raise BrokerAnswerUnclear("a candle without its time or prices")
    open_, high, low, close = prices
    return Candle(time=time, open=open_, high=high, low=low, close=close, volume=whole_number(raw[5]))


def quotes(answer: object) -> dict[tuple[str, str], Quote]:
    """Return quotes by exchange and instrument id, never by position, with an empty symbol: the answer has none.

    Skip the rows of unknown instruments (exchange "Z", id 0) and rows without a price, which is not a price of 0.
    """
    quoted = filter(None, map(_quote, envelope.rows(answer)))
    return {(quote.exchange, quote.instrument_id): quote for quote in quoted if quote.instrument_id}


def _quote(fields: Row) -> Quote | None:
    exchange = text(fields.get("exchange"))
    ltp, previous_close = price(fields.get("ltp"), exchange), price(fields.get("close"), exchange)
    if ltp is None:
        return None
    change, change_percent = pnl.day_change(ltp, previous_close)
    return Quote(
        exchange=exchange,
        symbol="",
        instrument_id=text(first_filled(fields, ("instrumentId", "InstrumentId"))),
        ltp=ltp,
        open=price(fields.get("open"), exchange),
        high=price(fields.get("high"), exchange),
        low=price(fields.get("low"), exchange),
        previous_close=previous_close,
        change=change,
        change_percent=change_percent,
        volume=whole_number(fields.get("tradedVolume")),
        average_price=average(fields.get("averageTradedPrice"), exchange),
        bid_price=price(fields.get("bestBidPrice"), exchange),
        bid_quantity=whole_number(fields.get("bestBidQuantity")),
        ask_price=price(first_filled(fields, ("bestAskPrice", "besAskPrice")), exchange),
        ask_quantity=whole_number(fields.get("bestAskQuantity")),
        quoted_at=moment(fields.get("tickTimestamp")),
    )


def depth(answer: object) -> Depth:
    """Leave the symbol empty, because the answer does not have it."""
    fields = envelope.record(answer)
    book = row(fields.get("marketDepth"))
    if not book:
        raise BrokerAnswerUnclear("a depth without marketDepth")
    exchange = text(fields.get("exchange"))
    return Depth(
        exchange=exchange,
        symbol="",
        instrument_id=text(first_filled(fields, ("instrumentId", "InstrumentId"))),
        bids=_levels(book.get("bids"), exchange),
        asks=_levels(book.get("asks"), exchange),
        total_bid_quantity=whole_number(fields.get("totalBidQuantity")),
        total_ask_quantity=whole_number(fields.get("totalAskQuantity")),
    )


def _levels(raw: object, exchange: str) -> list[DepthLevel]:
    """Skip levels without a price, which the broker adds to make five."""
    levels = [row(item) for item in raw] if isinstance(raw, list) else []
    return [
        DepthLevel(
            price=each,
            quantity=whole_number(level.get("quantity")),
            orders=whole_number(level.get("orders")),
        )
        for level in levels
        if (
            each := known_or_blank(lambda value: price_or_zero(value, exchange), level, "price", "A level of the depth")
        )
    ]


def open_interest(answer: object) -> OpenInterest:
    """Leave the symbol empty, because the answer does not have it."""
    fields = envelope.record(answer)
    if "openInterest" not in fields:
        raise BrokerAnswerUnclear("an answer without openInterest")
    return OpenInterest(
        exchange=text(fields.get("exchange")),
        symbol="",
        instrument_id=text(first_filled(fields, ("instrumentId", "InstrumentId"))),
        open_interest=whole_number(fields.get("openInterest")),
        day_high=whole_number(fields.get("dayHighOi")),
        day_low=whole_number(fields.get("dayLowOi")),
    )
