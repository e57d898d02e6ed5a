"""The arithmetic of summary and risk, on books made by hand."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import gateway, portfolio, quotes
from broker.iifl.mapping import books
from broker.values import Contract, Holding, Margins, PortfolioSummary, Position, Quote, Risk
from systemcache import codec
from systemcache.cached_value import CachedValue
from systemcache.codec import Entry

D = Decimal
WIRE_CRUDE: dict[str, Any] = {
    "tradingSymbol": "CRUDE",
    "instrumentId": "9",
    "exchange": "MCXCOMM",
    "netQuantity": 1,
    "lotSize": "1250",
    "netAveragePrice": "300.00",
    "previousDayClose": "293.30",
}
Price = tuple[str, str] | str  # ltp and the close before; or ltp alone


def holding(symbol: str, quantity: int, average: str, **more: Any) -> Holding:
    row = {"nseTradingSymbol": f"{symbol}-EQ", "nseInstrumentId": f"1{symbol}", "isin": f"INE{symbol}"}
    (made,) = books.holdings([row | {"totalQuantity": quantity, "averageTradedPrice": average} | more])
    return made


def position(symbol: str, net: int, average: str, **more: Any) -> Position:
    row = {"tradingSymbol": symbol, "instrumentId": f"2{symbol}", "exchange": "NSEFO", "multiplier": "1"}
    (made,) = books.positions([row | {"netQuantity": net, "netAveragePrice": average} | more])
    return made


def margins(limit: str = "100000.00", used: str = "25000.00") -> Margins:
    return books.margins({"tradingLimit": limit, "utilizedMargin": used})


def fetched(value: Any) -> CachedValue[Any]:
    return CachedValue(type(value), Entry(datetime.now(UTC), 60, codec.encode(value)), "hit", families=(), value=value)


def quote(contract: Contract, price: Price) -> Quote:
    ltp, close = (price, None) if isinstance(price, str) else price
    unknown = ("open", "high", "low", "average_price", "bid_price", "ask_price", "volume", "bid_quantity")
    blank: dict[str, Any] = dict.fromkeys((*unknown, "ask_quantity", "quoted_at"), None)
    return Quote(
        exchange=contract.exchange,
        symbol=contract.symbol,
        instrument_id=contract.instrument_id,
        ltp=D(ltp),
        previous_close=None if close is None else D(close),
        **blank,
    )


@contextmanager
def account(
    holdings: Sequence[Holding] = (),
    positions: Sequence[Position] = (),
    prices: Mapping[str, Price] | None = None,
    funds: Margins | None = None,
) -> Iterator[list[list[Contract]]]:
    """The gateway shows these books, and prices by symbol; yields the batches of quotes that were asked for."""
    asked: list[list[Contract]] = []

    def quotes_of(contracts: Sequence[Contract]) -> list[CachedValue[Quote] | None]:
        asked.append(list(contracts))
        known = prices or {}
        return [fetched(quote(item, known[item.symbol])) if item.symbol in known else None for item in contracts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "holdings", lambda: fetched(list(holdings)))
        patch.setattr(gateway, "positions", lambda: fetched(list(positions)))
        patch.setattr(gateway, "margins", lambda: fetched(funds or margins()))
        patch.setattr(quotes, "quotes_of", quotes_of)
        yield asked


def summary(*args: Any, **kwargs: Any) -> PortfolioSummary:
    with account(*args, **kwargs):
        return portfolio.summary().value


def risk(*args: Any, **kwargs: Any) -> Risk:
    with account(*args, **kwargs):
        return portfolio.risk().value


def test_an_empty_account_is_all_zeros_and_asks_for_no_price() -> None:
    with account() as asked:
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert asked == []
    assert {shown.invested, shown.value, shown.pnl, shown.day_pnl, shown.positions_pnl} == {D(0)}
    assert shown.pnl_percent is None
    assert (shown.holdings, shown.open_positions, shown.unpriced) == (0, 0, [])
    assert {risks.gross_exposure, risks.net_exposure} == {D(0)}
    assert (risks.largest, risks.effective_holdings) == ([], None)
    assert risks.day_pnl_percent is None


def test_holdings_are_worth_their_price_now_and_cost_what_was_paid() -> None:
    shown = summary(
        [holding("INFY", 150, "1300.10"), holding("TCS", 40, "4000")],
        prices={"INFY": ("1412.95", "1389.65"), "TCS": ("3900.05", "3950.00")},
    )
    assert shown.invested == D("355015.00")  # 150 x 1300.10 + 40 x 4000
    assert shown.value == D("367944.50")  # 150 x 1412.95 + 40 x 3900.05
    assert shown.pnl == D("12929.50")
    assert shown.pnl_percent == D("3.64")
    assert shown.day_pnl == D("1497.00")  # 150 x 23.30 - 40 x 49.95
    assert (shown.trading_limit, shown.used_margin) == (D("100000.00"), D("25000.00"))


def test_a_share_without_a_quote_counts_at_its_last_close() -> None:
    shown = summary([holding("INFY", 10, "100", previousDayClose="120.50")])
    assert (shown.value, shown.pnl, shown.unpriced, shown.unknown_pnl) == (D("1205.00"), D("205.00"), [], [])
    assert (shown.day_pnl, shown.unknown_day_pnl) == (D("0.00"), ["INFY"])


@pytest.mark.parametrize("close", [None, 0, "0.00", "NA"])
def test_a_share_without_any_price_counts_nowhere_and_is_named(close: object) -> None:
    shown = summary([holding("INFY", 10, "100", previousDayClose=close), holding("TCS", 1, "50")], prices={"TCS": "60"})
    assert (shown.invested, shown.value, shown.pnl) == (D("50.00"), D("60.00"), D("10.00"))
    assert (shown.holdings, shown.unpriced) == (2, ["INFY"])


def test_a_price_without_the_close_before_has_no_share_in_the_days_result() -> None:
    shown = summary([holding("NEW", 10, "100")], prices={"NEW": "150"})
    assert (shown.value, shown.day_pnl, shown.unknown_day_pnl) == (D("1500.00"), D("0.00"), ["NEW"])


@pytest.mark.parametrize("average", [None, "0", "0.00", "-", "N/A"])
def test_a_share_whose_cost_is_not_known_is_named_and_has_no_gain(average: Any) -> None:
    rows = [holding("GIFT", 100, average), holding("INFY", 10, "1000")]
    with account(rows, prices={"GIFT": ("1500", "1490"), "INFY": ("1000", "990")}):
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert (shown.invested, shown.value, shown.pnl) == (D("10000.00"), D("10000.00"), D("0.00"))
    assert (shown.unpriced, shown.unknown_pnl, shown.unknown_day_pnl) == ([], ["GIFT"], [])
    assert shown.day_pnl == D("1100.00")  # the day's does not depend on the cost
    assert risks.gross_exposure == D("160000.00")


def test_a_share_in_two_rows_is_one_quote_and_one_weight() -> None:
    rows = [holding("RELIANCE", 120, "1000"), holding("RELIANCE", 30, "1200", product="BNPL"), holding("ITC", 50, "1")]
    with account(rows, prices={"RELIANCE": "1300", "ITC": "390"}) as asked:
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert [contract.symbol for contract in asked[0]] == ["RELIANCE", "ITC"]
    assert shown.invested == D("156050.00")
    assert shown.holdings == 3
    assert [(weight.symbol, weight.value, weight.percent) for weight in risks.largest] == [
        ("RELIANCE", D("195000.00"), D("90.91")),
        ("ITC", D("19500.00"), D("9.09")),
    ]


def test_one_share_at_nse_and_bse_is_one_weight_and_has_the_name_of_its_larger_row() -> None:
    at_bse = {"nseTradingSymbol": "", "bseTradingSymbol": "RELI", "bseInstrumentId": "1RELI", "isin": "INERELIANCE"}
    rows = [holding("RELIANCE", 10, "90"), holding("RELI", 30, "90", **at_bse), holding("TCS", 20, "90")]
    shown = risk(rows, prices={"RELIANCE": "100", "RELI": "100", "TCS": "100"})
    weights = [(weight.symbol, str(weight.value), str(weight.percent)) for weight in shown.largest]
    assert weights == [("RELI", "4000.00", "66.67"), ("TCS", "2000.00", "33.33")]
    assert shown.effective_holdings == D("1.80")


def test_rows_of_sold_out_shares_do_not_count() -> None:
    shown = summary([holding("INFY", 0, "100"), holding("TCS", -5, "100")], prices={"INFY": "1", "TCS": "1"})
    assert (shown.holdings, shown.value, shown.unpriced) == (0, D(0), [])


def test_money_is_rounded_to_the_paisa_and_what_is_shown_adds_up() -> None:
    # 3 x 33.335 = 100.005 and 3 x 33.345 = 100.035: rounded apart they would differ by 0.04, rounded after by 0.03.
    shown = summary([holding("ABC", 3, "33.335")], prices={"ABC": "33.345"})
    assert (shown.invested, shown.value) == (D("100.00"), D("100.04"))
    assert shown.pnl == shown.value - shown.invested


def test_a_short_position_gains_when_the_price_falls() -> None:
    shown = summary([], [position("NIFTYFUT", -50, "24000")], {"NIFTYFUT": "23900.50"})
    assert shown.positions_pnl == D("4975.00")
    assert shown.open_positions == 1


def test_a_long_position_loses_when_the_price_falls() -> None:
    assert summary([], [position("FUT", 50, "24000")], {"FUT": "23900.50"}).positions_pnl == D("-4975.00")


def test_the_multiplier_counts() -> None:
    rows = [position("GOLDM", 2, "70000", multiplier="10"), position("NOMULT", 1, "5", multiplier="0")]
    with account([], rows, {"GOLDM": "70100.50", "NOMULT": "6"}):
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert shown.positions_pnl == D("2011.00")  # 2 x 10 x 100.50, and 1
    assert risks.gross_exposure == D("1402016.00")


def test_a_closed_position_is_what_its_trades_came_to() -> None:
    trades = {"buyQuantity": 50, "buyPrice": "1400.10", "sellQuantity": 50.0, "sellPrice": "1412.35"}
    shown = summary([], [position("INFY", 0, "0", **trades)])
    assert shown.positions_pnl == D("612.50")
    assert (shown.open_positions, shown.unpriced) == (0, [])


def test_of_a_closed_position_the_brokers_own_figure_is_believed() -> None:
    trades = {"buyQuantity": 50, "buyPrice": "1400", "sellQuantity": 50, "sellPrice": "1412", "realizedPnl": "598.75"}
    assert summary([], [position("INFY", 0, "0", **trades)]).positions_pnl == D("598.75")


def test_what_an_open_position_has_realized_is_in_its_average_and_does_not_count_twice() -> None:
    # Bought 100 at 10, sold 50 at 12: by the broker's formula the 50 left cost 400, 8 each. At 12 the day made 200.
    row = position("ABC", 50, "8", realizedPnl="100", buyQuantity=100, buyPrice=10, sellQuantity=50, sellPrice=12)
    assert summary([], [row], {"ABC": "12"}).positions_pnl == D("200.00")


def test_an_average_that_the_broker_leaves_out_is_made_from_the_days_trades() -> None:
    trades = {"overnightQuantity": 10, "overnightPrice": "90", "dayBuyValue": "500", "daySellValue": "250"}
    # (10 x 90 + 500 - 250) / 12 is the documented average; 12 at 100 are worth 1200.
    assert summary([], [position("ABC", 12, "0", **trades)], {"ABC": "100"}).positions_pnl == D("50.00")


def test_an_open_position_without_a_price_is_named_and_counts_nowhere() -> None:
    rows = [position("ABC", 50, "8"), position("XYZ", 10, "5")]
    with account([], rows, {"XYZ": "7"}):
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert (shown.positions_pnl, shown.unpriced, shown.open_positions) == (D("20.00"), ["ABC"], 2)
    assert (risks.gross_exposure, risks.unpriced) == (D("70.00"), ["ABC"])


def test_exposure_is_gross_and_net() -> None:
    rows = [position("LONG", 10, "100"), position("SHORT", -5, "100")]
    shown = risk([holding("INFY", 1, "1")], rows, {"LONG": "110", "SHORT": "120", "INFY": "1000"})
    assert (shown.gross_exposure, shown.net_exposure) == (D("2700.00"), D("1500.00"))
    assert [weight.symbol for weight in shown.largest] == ["INFY"]  # concentration is about what is held


def test_the_margin_in_use_is_a_part_of_the_limit() -> None:
    assert risk(funds=margins("80000", "20000")).margin_used_percent == D("25.00")
    assert risk(funds=margins("0", "20000")).margin_used_percent is None


def test_the_days_result_is_a_part_of_what_the_shares_were_worth_the_evening_before() -> None:
    shown = risk([holding("INFY", 10, "1")], prices={"INFY": ("110", "100")})
    assert shown.day_pnl_percent == D("10.00")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_of_equal_value_count_one_each(count: int) -> None:
    names = [f"S{place}" for place in range(count)]
    shown = risk([holding(name, 1, "1") for name in names], prices=dict.fromkeys(names, "99.99"))
    assert shown.effective_holdings == count


def test_many_small_shares_are_not_lost_in_rounded_percentages() -> None:
    names = [f"S{place}" for place in range(3000)]
    shown = risk([holding(name, 1, "1") for name in names], prices=dict.fromkeys(names, "10"))
    assert shown.effective_holdings == 3000


def test_a_share_of_nine_tenths_makes_little_more_than_one_holding() -> None:
    shown = risk([holding("BIG", 9, "1"), holding("SMALL", 1, "1")], prices={"BIG": "100", "SMALL": "100"})
    assert shown.effective_holdings == D("1.22")  # 1 / (0.9^2 + 0.1^2)


def test_the_five_largest_are_shown_largest_first_and_equals_by_name() -> None:
    sizes = {"F": 1, "A": 5, "C": 3, "B": 3, "D": 2, "E": 1}
    shown = risk([holding(name, size, "1") for name, size in sizes.items()], prices=dict.fromkeys(sizes, "10"))
    assert [weight.symbol for weight in shown.largest] == ["A", "B", "C", "D", "E"]


@pytest.mark.parametrize("name", ["", "A:B", "*", "X" * 70, "50/50", "ÉTÉ"])
def test_a_name_that_no_key_can_hold_is_not_asked_for_and_spoils_nothing(name: str) -> None:
    rows = [position(name, 5, "10", previousDayClose="12"), position("ABC", 1, "10")]
    with account([], rows, {"ABC": "11"}) as asked:
        shown = portfolio.summary().value
    assert [contract.symbol for contract in asked[0]] == ["ABC"]
    assert shown.positions_pnl == D("11.00")


@pytest.mark.parametrize("price", [None, "", "0", "-"])
def test_a_carried_position_without_its_price_has_no_gain_and_is_named(price: object) -> None:
    carried = {"overnightQuantity": 75, "overnightPrice": price}
    shown = summary([], [position("NIFTYFUT", 75, "0", **carried)], {"NIFTYFUT": ("25100", "25000")})
    assert (shown.positions_pnl, shown.unpriced, shown.unknown_pnl) == (D("0.00"), [], ["NIFTYFUT"])


@pytest.mark.parametrize("multiplier", ["", "0", None, "NA"])
def test_a_commodity_without_its_multiplier_has_no_value_and_is_named(multiplier: object) -> None:
    (row,) = books.positions([WIRE_CRUDE | {"multiplier": multiplier}])
    shown = summary([], [row])
    assert (shown.positions_pnl, shown.unpriced, shown.unknown_pnl) == (D("0.00"), ["CRUDE"], ["CRUDE"])


def test_a_commodity_with_its_multiplier_is_worth_that_much() -> None:
    (row,) = books.positions([WIRE_CRUDE | {"multiplier": "1250"}])
    assert summary([], [row]).positions_pnl == D("-8375.00")


def test_shares_that_are_pledged_and_not_in_the_total_are_counted() -> None:
    row = holding("INFY", 0, "1000", dpQuantity=0, collateralQuantity=100)
    shown = summary([row], prices={"INFY": ("1100", "1090")})
    assert (shown.holdings, shown.invested, shown.value, shown.day_pnl) == (
        *(1, D("100000.00"), D("110000.00")),
        D("1000.00"),
    )
    assert summary([holding("INFY", 120, "1", collateralQuantity=60)], prices={"INFY": "2"}).value == D("240.00")


def test_no_figure_is_a_negative_zero() -> None:
    row = position("ABC", 0, "0", realizedPnl="-0.004")
    shown = summary([holding("INFY", 1, "1")], [row], {"INFY": "1"})
    assert str(shown.positions_pnl) == "0.00"
    figures = msgspec.to_builtins(shown).values()
    assert not [figure for figure in figures if isinstance(figure, str) and not re.fullmatch(r"-?\d+\.\d\d", figure)]


def test_funds_that_are_not_known_are_not_zero() -> None:
    funds = books.margins({"tradingLimit": "", "utilizedMargin": "-"})
    with account(funds=funds):
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert (shown.trading_limit, shown.used_margin, risks.margin_used_percent) == (None, None, None)


amounts = st.decimals(0, 10**7, places=3).map(str)
symbols = st.sampled_from(["AAA", "BBB", "CCC", "DDD"])
some_holdings = st.lists(st.builds(holding, symbols, st.integers(-5, 10**6), amounts), max_size=6)
some_positions = st.lists(st.builds(position, symbols, st.integers(-(10**5), 10**5), amounts), max_size=6)
some_prices = st.dictionaries(symbols, st.tuples(amounts, amounts), max_size=4)


@settings(deadline=None, max_examples=120)
@given(held=some_holdings, positions=some_positions, prices=some_prices)
def test_whatever_the_books_hold_the_figures_agree_with_each_other(
    held: list[Holding], positions: list[Position], prices: dict[str, Price]
) -> None:
    with account(held, positions, prices):
        shown, risks = portfolio.summary().value, portfolio.risk().value
    assert shown.pnl == shown.value - shown.invested
    assert risks.gross_exposure >= abs(risks.net_exposure)
    assert set(shown.unpriced).isdisjoint(prices)
    assert set(shown.unpriced) <= set(shown.unknown_pnl)
    assert sum(weight.percent for weight in risks.largest) <= D("100.05")
    assert all(part.value >= rest.value for part, rest in zip(risks.largest, risks.largest[1:], strict=False))
    money = [value for value in msgspec.structs.asdict(shown).values() if isinstance(value, D)]
    assert all(value == round(value, 2) for value in money)


def test_the_largest_amounts_that_the_mapping_lets_in_are_added_up() -> None:
    rows = [holding(f"S{place}", 10**17, "9" * 18) for place in range(3)]
    prices: dict[str, Price] = {f"S{place}": ("9" * 18, "0.00000000000000001") for place in range(3)}
    with account(rows, [position("S0", 10**17, "1e-17", multiplier="9" * 17)], prices):
        assert portfolio.summary().value.value > 10**35
        assert portfolio.risk().value.gross_exposure > 10**35


def test_a_summary_survives_the_cache() -> None:
    shown = summary([holding("INFY", 1, "1.005")], prices={"INFY": "2"})
    assert codec.decode(codec.encode(shown), PortfolioSummary) == shown
