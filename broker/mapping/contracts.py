"""Contract files: every segment's instruments (iifl_api §5)."""

from broker.errors import BrokerAnswerUnclear
from broker.mapping import envelope
from broker.mapping.fields import Row, calendar_day, integer, optional_decimal, row, text
from broker.values import Contract, Exchange

INDEX = "INDEX"


def contracts(answer: object) -> list[Contract]:
    """A bare array or one under `result`. Rows without an id or a symbol are left out, but not all of them."""
    rows = envelope.result(answer)
    if not isinstance(rows, list):
        raise BrokerAnswerUnclear("a contract file that is no list")
    found = [contract for raw in rows if (contract := _contract(row(raw)))]
    if rows and not found:
        raise BrokerAnswerUnclear("a contract file without contracts")
    return found


def _contract(fields: Row) -> Contract | None:
    exchange, trading_symbol = text(fields.get("exchange")), text(fields.get("tradingSymbol"))
    instrument_id = text(fields.get("instrumentId"))
    trading_symbol = trading_symbol or text(fields.get("underlyingInstrumentSymbol"))
    if not instrument_id or not trading_symbol:
        return None
    instrument_type = text(fields.get("instrumentType"))
    if instrument_type == INDEX and exchange == Exchange.NSEFO:
        exchange = Exchange.NSEEQ  # INDIA VIX: its prices are asked for there (iifl_api §3.8)
    symbol, series = split_symbol(exchange, trading_symbol)
    return Contract(
        exchange=exchange,
        symbol=symbol,
        series=series,
        trading_symbol=trading_symbol,
        instrument_id=instrument_id,
        name=text(fields.get("formattedInstrumentName")) or text(fields.get("underlyingInstrumentName")),
        instrument_type=instrument_type,
        option_type=text(fields.get("optionType")),
        strike_price=optional_decimal(fields.get("strikePrice")),
        expiry=calendar_day(fields.get("expiry")),
        lot_size=integer(fields.get("lotSize")),
        tick_size=optional_decimal(fields.get("tickSize")),
    )


def split_symbol(exchange: str, trading_symbol: str) -> tuple[str, str]:
    """Symbol and series: BAJAJ-AUTO-EQ → BAJAJ-AUTO, EQ. Only NSE's shares carry a series, behind the last hyphen."""
    if exchange != Exchange.NSEEQ or "-" not in trading_symbol:
        return trading_symbol, ""
    symbol, series = trading_symbol.rsplit("-", 1)
    return symbol, series
