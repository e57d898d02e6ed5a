"""The settings max_daily_loss and max_positions hold for orders that are placed and changed through the site."""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from broker import gateway
from broker.errors import BrokerUnreachable, OrderOverLimit
from broker.order_guards import Proposal
from broker.values import Contract, Holding, Margins, Order, OrderParams, OrderStatus, Position
from systemcache.cached_value import combine
from tests.watchlist.conftest import contract
from watchlist import order_limits
from watchlist.models import TradingSetting

pytestmark = pytest.mark.django_db

V = TypeVar("V", Holding, Position, Order, Margins)
INFY: Contract = msgspec.structs.replace(contract("INFY"), instrument_id="1594")
TCS: Contract = msgspec.structs.replace(contract("TCS"), instrument_id="11536")


def build(kind: type[V], **fields: Any) -> V:
    """A value with these fields; what else it has is empty or not known."""
    required = [field for field in msgspec.structs.fields(kind) if field.required]
    return kind(**({field.name: "" if field.type is str else None for field in required} | fields))


def holding(of: Contract, quantity: int, **fields: Any) -> Holding:
    values = {"symbol": of.symbol, "exchange": of.exchange, "instrument_id": of.instrument_id}
    figures = {"quantity": quantity, "value": Decimal(100_000), "day_pnl": Decimal(0), "product": "DELIVERY"}
    return build(Holding, **(values | figures | fields))


def position(of: Contract, net: int, **fields: Any) -> Position:
    values = {"symbol": of.symbol, "exchange": of.exchange, "instrument_id": of.instrument_id}
    return build(Position, **(values | {"net_quantity": net, "product": "INTRADAY", "day_pnl": Decimal(0)} | fields))


def working(of: Contract, side: str = "BUY", **fields: Any) -> Order:
    values = {"exchange": of.exchange, "instrument_id": of.instrument_id, "side": side, "product": "INTRADAY"}
    return build(Order, **(values | {"status": OrderStatus.OPEN} | fields))


class Account:
    """The account as the cache has it; a book that is an error cannot be read."""

    def __init__(self) -> None:
        self.holdings: Any = []
        self.positions: Any = []
        self.orders: Any = []
        self.margins: Any = build(Margins, trading_limit=Decimal(100_000), collateral_margin=Decimal(0))

    def read(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, Exception):
            raise value
        return combine(object, value, [])


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    for name in ("holdings", "positions", "orders", "margins"):
        monkeypatch.setattr(gateway, name, lambda name=name: account.read(name))
    monkeypatch.setattr(gateway, "priced", lambda rows: rows)
    TradingSetting.objects.all().delete()
    return account


def setting(key: str, kind: str, value: str) -> None:
    TradingSetting.objects.create(key=key, kind=kind, value=value)


def refusal(of: Contract = INFY, filled: int = 0, **fields: Any) -> str | None:
    values: dict[str, Any] = {"side": "BUY", "quantity": 10, "product": "INTRADAY", "order_type": "MARKET"}
    try:
        order_limits.check(Proposal(of, OrderParams(**(values | fields)), filled))
    except OrderOverLimit as error:
        return str(error)
    return None


def test_without_the_settings_nothing_is_read(account: Account) -> None:
    account.positions = account.holdings = BrokerUnreachable("no route")
    assert refusal() is None


@pytest.mark.parametrize(
    ("cap", "kind", "stored"),
    [
        *(("max_positions", "integer", text) for text in ("abc", "", "1e9", "-1")),
        *(("max_daily_loss", "fraction", text) for text in ("abc", "", "-0.1", "NaN")),
    ],
)
def test_a_limit_that_cannot_be_read_refuses_whatever_does_not_reduce_a_position(
    account: Account, cap: str, kind: str, stored: str
) -> None:
    setting(cap, kind, stored)
    account.positions = [position(TCS, 10)]
    assert refusal(TCS, side="SELL") is None
    order = OrderParams(side="BUY", quantity=10, product="INTRADAY", order_type="MARKET")
    with pytest.raises(OrderOverLimit, match=f"the setting {cap} cannot be read") as refused:
        order_limits.check(Proposal(INFY, order))
    assert refused.value.detail == {"cap": cap, "value": None, "limit": None}


class TestMaxDailyLoss:
    @pytest.fixture(autouse=True)
    def limit(self, account: Account) -> None:
        setting("max_daily_loss", "fraction", "0.05")

    @pytest.mark.parametrize(("lost", "refused"), [("9199.99", False), ("9200.00", True), ("-50000", False)])
    def test_it_is_a_share_of_the_capital(self, account: Account, lost: str, refused: bool) -> None:
        # Shares of 104,000 when the day began, and funds of 100,000, of which 20,000 are lent on the shares.
        account.holdings = [holding(TCS, 10, day_pnl=Decimal(-4_000))]
        account.margins = build(Margins, trading_limit=Decimal(100_000), collateral_margin=Decimal(20_000))
        account.positions = [position(TCS, 10, day_pnl=Decimal(4_000) - Decimal(lost))]
        sentence = refusal()
        assert bool(sentence) == refused
        assert sentence is None or sentence.startswith("max_daily_loss: the account has lost 5.00% of its capital")

    @pytest.mark.parametrize("unknown", ["position", "holding"])
    def test_an_unknown_p_and_l_refuses_the_order_with_a_sentence(self, account: Account, unknown: str) -> None:
        if unknown == "position":
            account.positions = [position(TCS, 10, day_pnl=None)]
        else:
            account.holdings = [holding(TCS, 10, day_pnl=None)]
        assert "the day's P&L is not known of TCS" in (refusal() or "")

    @pytest.mark.parametrize("name", ["positions", "holdings", "margins"])
    def test_an_account_that_cannot_be_read_refuses_the_order(self, account: Account, name: str) -> None:
        account.positions = [position(TCS, 10, day_pnl=Decimal(-1))]
        setattr(account, name, BrokerUnreachable("no route"))
        assert "cannot be read" in (refusal() or "")

    @pytest.mark.parametrize(
        "fields", [{"trading_limit": None}, {"collateral_margin": None}, {"trading_limit": Decimal(0)}]
    )
    def test_a_loss_with_an_unknown_capital_refuses_the_order(self, account: Account, fields: dict[str, Any]) -> None:
        account.margins = msgspec.structs.replace(account.margins, **fields)
        account.positions = [position(TCS, 10, day_pnl=Decimal(-1))]
        assert "capital is not known" in (refusal() or "")

    @pytest.mark.parametrize(
        ("fields", "refused"),
        [
            ({"side": "SELL", "quantity": 10}, False),
            ({"side": "SELL", "quantity": 4}, False),
            ({"side": "SELL", "quantity": 11}, True),  # it would turn the position round
            ({"side": "SELL", "quantity": 12, "filled": 2}, False),
            ({"side": "BUY", "quantity": 1}, True),
            ({"side": "SELL", "quantity": 10, "product": "NORMAL"}, True),  # another position
            ({"side": "SELL", "quantity": 5, "product": "DELIVERY"}, False),  # of the shares held
            ({"side": "SELL", "quantity": 6, "product": "DELIVERY"}, True),
            ({"side": "SELL", "quantity": 10, "of": TCS}, True),
            ({"side": "BUY", "quantity": 7, "of": TCS, "product": "NORMAL"}, False),  # covers a short position
            ({"side": "BUY", "quantity": 8, "of": TCS, "product": "NORMAL"}, True),
        ],
        ids=str,
    )
    def test_an_order_that_reduces_a_position_is_never_blocked(
        self, account: Account, fields: dict[str, Any], refused: bool
    ) -> None:
        account.holdings = [holding(INFY, 5, day_pnl=None)]  # the P&L is not known either
        account.positions = [
            position(INFY, 10, day_pnl=Decimal(-90_000)),
            position(TCS, -7, product="NORMAL", day_pnl=Decimal(-90_000)),
        ]
        assert bool(refusal(**fields)) == refused

    def test_shares_that_were_sold_today_are_not_sold_again(self, account: Account) -> None:
        account.holdings = [holding(INFY, 5, day_pnl=None)]
        account.positions = [position(INFY, -3, product="DELIVERY")]
        assert refusal(side="SELL", product="DELIVERY", quantity=2) is None
        assert refusal(side="SELL", product="DELIVERY", quantity=3)

    def test_all_of_the_capital_is_no_limit(self, account: Account) -> None:
        TradingSetting.objects.update(value="1")
        account.positions = BrokerUnreachable("no route")
        assert refusal() is None


class TestMaxPositions:
    @pytest.fixture(autouse=True)
    def limit(self, account: Account) -> None:
        setting("max_positions", "integer", "2")

    OTHERS = tuple(msgspec.structs.replace(contract(f"S{n}"), instrument_id=str(n)) for n in range(3))

    def test_another_position_than_may_be_open_is_refused(self, account: Account) -> None:
        account.positions = [position(self.OTHERS[0], 1)]
        assert refusal() is None
        account.positions = [position(other, 1) for other in self.OTHERS[:2]]
        assert (refusal() or "").startswith("max_positions: this would be position number 3")
        assert refusal(self.OTHERS[0]) is None  # it is open already
        assert refusal(self.OTHERS[0], side="SELL", quantity=1) is None

    @pytest.mark.parametrize(
        ("rows", "orders", "refused"),
        [
            ([position(OTHERS[0], 1), position(OTHERS[1], 0)], [], False),
            ([position(OTHERS[0], 1), position(OTHERS[0], -1, product="NORMAL")], [], False),
            ([position(OTHERS[0], 1), position(OTHERS[1], -1, product="DELIVERY")], [], False),  # shares sold
            ([position(OTHERS[0], 1)], [working(OTHERS[1])], True),
            ([position(OTHERS[0], 1)], [working(OTHERS[0], side="SELL")], False),
            ([position(OTHERS[0], 1)], [working(OTHERS[1], side="SELL", product="DELIVERY")], False),
            ([position(OTHERS[0], 1)], [working(OTHERS[1], status=OrderStatus.COMPLETE)], False),
            ([position(OTHERS[0], 1)], [working(OTHERS[1], status=OrderStatus.UNKNOWN)], True),
            ([], [working(OTHERS[0]), working(OTHERS[1])], True),
        ],
    )
    def test_open_positions_and_orders_that_may_open_one_count(
        self, account: Account, rows: list[Position], orders: list[Order], refused: bool
    ) -> None:
        account.positions, account.orders = rows, orders
        assert bool(refusal()) == refused

    @pytest.mark.parametrize("name", ["positions", "orders"])
    def test_books_that_cannot_be_read_refuse_the_order(self, account: Account, name: str) -> None:
        setattr(account, name, BrokerUnreachable("no route"))
        assert "cannot be read" in (refusal() or "")
