"""Rows of contract files: every segment's instruments (iifl_api §5)."""

from broker.mapping.fields import Row, calendar_day, integer, optional_decimal, text
from broker.values import Contract, Exchange

INDEX = "INDEX"
# Longer than anything that the broker lists; a longer one is no symbol and no id.
LONGEST_SYMBOL, LONGEST_ID, LONGEST_CODE, LONGEST_NAME = 64, 32, 12, 200


def contract(file: str, fields: Row) -> Contract | None:
    """A row under the JSON files' names; None for one without an id or a symbol, and for what belongs elsewhere."""
    exchange = _plain(fields.get("exchange")) or file
    trading_symbol = _plain(fields.get("tradingSymbol")) or _plain(fields.get("underlyingInstrumentSymbol"))
    instrument_id = _plain(fields.get("instrumentId"))
    instrument_type = _plain(fields.get("instrumentType"))[:LONGEST_CODE]
    is_index = instrument_type == INDEX
    if not _is_named(exchange, trading_symbol, instrument_id) or (is_index and file != Exchange.INDICES):
        return None
    if is_index and exchange == Exchange.NSEFO:
        exchange = Exchange.NSEEQ  # INDIA VIX: its prices are asked for there (iifl_api §3.8)
    symbol, series = split_symbol(exchange, trading_symbol)
    name = _plain(fields.get("formattedInstrumentName")) or _plain(fields.get("underlyingInstrumentName"))
    return Contract(
        exchange=exchange,
        symbol=symbol,
        series=series,
        trading_symbol=trading_symbol,
        instrument_id=instrument_id,
        name=name[:LONGEST_NAME],
        instrument_type=instrument_type,
        option_type=_plain(fields.get("optionType"))[:LONGEST_CODE],
        strike_price=optional_decimal(fields.get("strikePrice")),
        expiry=calendar_day(fields.get("expiry")),
        lot_size=integer(fields.get("lotSize")),
        tick_size=optional_decimal(fields.get("tickSize")),
    )


def _plain(value: object) -> str:
    """Text without NUL, which PostgreSQL does not store."""
    return text(value).replace("\0", "")


def _is_named(exchange: str, trading_symbol: str, instrument_id: str) -> bool:
    return (
        len(exchange) <= LONGEST_CODE
        and 0 < len(trading_symbol) <= LONGEST_SYMBOL
        and 0 < len(instrument_id) <= LONGEST_ID
    )


def split_symbol(exchange: str, trading_symbol: str) -> tuple[str, str]:
    """Symbol and series: BAJAJ-AUTO-EQ → BAJAJ-AUTO, EQ. Only NSE's shares carry a series, behind the last hyphen."""
    if exchange != Exchange.NSEEQ or "-" not in trading_symbol:
        return trading_symbol, ""
    symbol, series = trading_symbol.rsplit("-", 1)
    return symbol, series
