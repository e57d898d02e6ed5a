"""The rules for orders, without a broker."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.orders import rules
from broker.values import Contract, Exchange, OrderParams
from tests.watchlist.conftest import contract

TODAY = date(2025, 11, 20)
FUTURE: Contract = msgspec.structs.replace(
    contract("NIFTY", exchange="NSEFO"),
    lot_size=75,
    tick_size=Decimal("0.05"),
    expiry=TODAY,
    instrument_type="FUTIDX",
)
MARKET = OrderParams(side="BUY", quantity=75, product="NORMAL", order_type="MARKET")


def against(wanted: OrderParams, traded: Contract = FUTURE, today: date = TODAY) -> set[str]:
    return set(rules.contract_errors(wanted, traded, today))


def changed(**fields: object) -> OrderParams:
    return msgspec.structs.replace(MARKET, **fields)


@given(lots=st.integers(1, 1000), rest=st.integers(0, 74))
def test_a_quantity_is_whole_lots(lots: int, rest: int) -> None:
    assert against(changed(quantity=75 * lots + rest)) == ({"quantity"} if rest else set())


@given(ticks=st.integers(1, 10**7), rest=st.integers(0, 4))
def test_a_price_is_whole_ticks(ticks: int, rest: int) -> None:
    price = ticks * Decimal("0.05") + rest * Decimal("0.01")
    wanted = changed(order_type="LIMIT", price=price)
    assert against(wanted) == ({"price"} if rest else set())


@given(quantity=st.integers(1, 10**6))
def test_the_commodity_segments_count_in_lots_already(quantity: int) -> None:
    traded = msgspec.structs.replace(FUTURE, exchange="MCXCOMM", lot_size=100)
    assert against(changed(quantity=quantity), traded) == set()


def test_a_contract_without_a_lot_or_a_tick_has_no_rule_about_it() -> None:
    traded = msgspec.structs.replace(FUTURE, lot_size=0, tick_size=None)
    assert against(changed(order_type="LIMIT", quantity=7, price=Decimal("1.234")), traded) == set()


def test_a_contract_is_traded_until_the_day_it_expires() -> None:
    assert against(MARKET, today=TODAY) == set()
    assert against(MARKET, today=date(2025, 11, 21)) == {"symbol"}


def test_an_index_is_not_traded() -> None:
    assert against(MARKET, msgspec.structs.replace(FUTURE, instrument_type="INDEX")) == {"symbol"}


@pytest.mark.parametrize("exchange", Exchange)
@pytest.mark.parametrize("product", ["DELIVERY", "BNPL"])
def test_delivery_is_for_shares(exchange: Exchange, product: str) -> None:
    wrong = rules.form_errors(changed(product=product), exchange)
    assert ("product" in wrong) == (exchange not in (Exchange.NSEEQ, Exchange.BSEEQ))


@pytest.mark.parametrize(("side", "trigger", "wrong"), [("BUY", 99, False), ("BUY", 101, True), ("BUY", 100, True)])
def test_a_stop_waits_on_its_side_of_the_price(side: str, trigger: int, wrong: bool) -> None:
    for mirrored in (False, True):
        wanted = changed(
            side="SELL" if mirrored else side,
            order_type="SL",
            price=Decimal(100),
            trigger_price=Decimal(200 - trigger if mirrored else trigger),
        )
        assert ("trigger_price" in rules.form_errors(wanted, "NSEFO")) == wrong


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"complexity": "BO", "product": "INTRADAY"}, "order_type"),
        ({"complexity": "CO", "product": "INTRADAY", "order_type": "SL"}, "order_type"),
        ({"complexity": "CO"}, "product"),
        ({"complexity": "AMO", "validity": "IOC"}, "validity"),
        ({"complexity": "AMO", "disclosed_quantity": 75}, "disclosed_quantity"),
        ({"disclosed_quantity": 75}, "disclosed_quantity"),
        ({"order_type": "LIMIT"}, "price"),
        ({"order_type": "SL"}, "trigger_price"),
        ({"price": Decimal(1)}, "price"),
        ({"target_leg_price": Decimal(1)}, "target_leg_price"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_named(fields: dict[str, object], field: str) -> None:
    assert field in rules.form_errors(changed(**fields), "NSEFO")
