"""Maps the rows of contract files, of all segments (iifl_api §5)."""

from broker.csv_rows import MalformedRow
from broker.iifl.mapping.fields import Row, calendar_day, price, text, whole_number
from broker.values import Contract, Exchange

INDEX = "INDEX"
# Longer than anything that the broker lists; rows with longer values are malformed.
MAX_SYMBOL_LENGTH, MAX_ID_LENGTH, MAX_CODE_LENGTH, MAX_NAME_LENGTH = 64, 32, 12, 200


def contract(file: str, fields: Row) -> Contract | None:
    """Map a row under the JSON files' names; None for an index in another file than that of the indices.

    Raises MalformedRow if the row has no id or symbol, or names another file's exchange.
    """
    exchange = text(fields.get("exchange")) or file
    trading_symbol = text(fields.get("tradingSymbol")) or text(fields.get("underlyingInstrumentSymbol"))
    instrument_id = text(fields.get("instrumentId"))
    instrument_type = text(fields.get("instrumentType"))[:MAX_CODE_LENGTH]
    is_index = instrument_type == INDEX
    if is_index and file != Exchange.INDICES:
        return None
    if len(exchange) > MAX_CODE_LENGTH or (exchange != file and file != Exchange.INDICES):
        raise MalformedRow(f"the exchange {exchange[:MAX_CODE_LENGTH]!r}")
    if not (0 < len(trading_symbol) <= MAX_SYMBOL_LENGTH and 0 < len(instrument_id) <= MAX_ID_LENGTH):
        raise MalformedRow("no usable symbol or id")
    if is_index and exchange == Exchange.NSEFO:
        exchange = Exchange.NSEEQ  # INDIA VIX: the broker quotes it under NSEEQ (iifl_api §3.8)
    symbol, series = split_symbol(exchange, trading_symbol)
    name = text(fields.get("formattedInstrumentName")) or text(fields.get("underlyingInstrumentName"))
    return Contract(
        exchange=exchange,
        symbol=symbol,
        series=series,
        trading_symbol=trading_symbol,
        instrument_id=instrument_id,
        name=name[:MAX_NAME_LENGTH],
        instrument_type=instrument_type,
        option_type=text(fields.get("optionType"))[:MAX_CODE_LENGTH],
        strike_price=price(fields.get("strikePrice")),
        expiry=calendar_day(fields.get("expiry")),
        lot_size=_lot(fields),
        tick_size=price(fields.get("tickSize")),
    )


def _lot(fields: Row) -> int | None:
    lot = whole_number(fields.get("lotSize"))
    return lot if lot and lot > 0 else None


def book_symbol(exchange: str, trading_symbol: str) -> str:
    """Return a name that means this very contract when it is given back: without the series EQ, with any other."""
    symbol, series = split_symbol(exchange, trading_symbol)
    return symbol if series == "EQ" else trading_symbol


def split_symbol(exchange: str, trading_symbol: str) -> tuple[str, str]:
    """Split BAJAJ-AUTO-EQ into BAJAJ-AUTO and EQ. Only NSE's shares have a series, after the last hyphen."""
    if exchange != Exchange.NSEEQ or "-" not in trading_symbol:
        return trading_symbol, ""
    symbol, series = trading_symbol.rsplit("-", 1)
    return symbol, series
