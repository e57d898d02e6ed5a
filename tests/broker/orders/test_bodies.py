"""What is sent to the broker: numbers in plain digits, however they were written."""

from decimal import Decimal

import pytest

from broker.iifl.mapping.orders import change_body, order_body
from broker.values import Contract, OrderChange, OrderParams

INFY = Contract(
    exchange="NSEEQ",
    symbol="INFY",
    series="EQ",
    trading_symbol="INFY-EQ",
    instrument_id="1594",
    name="INFOSYS",
    instrument_type="",
    option_type="",
    strike_price=None,
    expiry=None,
    lot_size=1,
    tick_size=Decimal("0.05"),
)


@pytest.mark.parametrize(("price", "written"), [("1E+3", "1000"), ("1E-7", "0.0000001"), ("1500.50", "1500.50")])
def test_an_orders_prices_are_written_in_plain_digits(price: str, written: str) -> None:
    number = Decimal(price)
    params = OrderParams(
        side="BUY",
        quantity=1,
        product="INTRADAY",
        order_type="SL",
        price=number,
        trigger_price=number,
        stop_loss_leg_price=number,
        target_leg_price=number,
        market_protection_percent=number,
    )
    body = order_body(INFY, params)
    assert {body[name] for name in ("price", "slTriggerPrice", "slLegPrice", "targetLegPrice")} == {written}
    assert body["marketProtectionPercent"] == written
    changed = change_body(OrderChange(price=number, trigger_price=number, market_protection_percent=number))
    assert changed == {"price": written, "slTriggerPrice": written, "marketProtectionPercent": written}
