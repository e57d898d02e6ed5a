"""Contracts as the client takes them: their exchange and instrument id alone matter."""

from broker.values import Contract


def contract(exchange: str, instrument_id: str) -> Contract:
    return Contract(
        exchange=exchange,
        symbol="",
        series="",
        trading_symbol="",
        instrument_id=instrument_id,
        name="",
        instrument_type="",
        option_type="",
        strike_price=None,
        expiry=None,
        lot_size=1,
        tick_size=None,
    )


RELIANCE, INFY, NIFTY = (contract("NSEEQ", number) for number in ("2885", "1594", "999920000"))
