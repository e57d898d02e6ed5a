"""A day by script: prices, candles, quotes, orders, positions and margins tell one story."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.simulator.prices.candles import SESSION_SECONDS
from broker.simulator.script.hours import Hours
from broker.simulator.script.prices import Point, ScriptedPath
from tests.broker.simulator.caller import IST, Caller, Hands, Simulate, in_book, place

Play = Callable[..., Caller]

TODAY = date(2025, 11, 20)
INFY = "1594"
LIMIT = {"orderType": "LIMIT", "quantity": "10"}


@pytest.fixture
def play(simulate: Simulate, hands: Hands, tmp_path: Path) -> Play:
    """Somebody at a simulator that plays these steps; at nine in the morning."""

    def start(*steps: dict[str, Any], **options: Any) -> Caller:
        hands.now = datetime.combine(TODAY, time(9, 0), IST)
        file = tmp_path / "day.json"
        file.write_text(json.dumps({"steps": steps}))
        caller = Caller(simulate(script=file, **options))
        caller.log_in()
        return caller

    return start


def go_to(hands: Hands, clock: str) -> None:
    hands.now = datetime.combine(TODAY, time.fromisoformat(clock), IST)


def move(at: str, price: float, until: str | None = None) -> dict[str, Any]:
    return {"at": at, "symbol": "INFY", "price": price} | ({"until": until} if until else {})


def ltp(caller: Caller, number: str = INFY) -> float:
    return float(caller.quotes(number)[0]["ltp"])


def test_a_price_jumps_and_moves_evenly_and_stands_still(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("10:00", 1520, "10:20"), move("11:00", 1490))
    seen = {}
    for clock in ("09:15", "09:59:59", "10:00", "10:10", "10:20", "10:59:59", "11:00", "15:30", "18:00"):
        go_to(hands, clock)
        seen[clock] = ltp(caller)
    assert list(seen.values()) == [1500, 1500, 1500, 1510, 1520, 1520, 1490, 1490, 1490]


def test_until_its_first_step_a_symbol_has_the_price_of_yesterday(play: Play, hands: Hands) -> None:
    caller = play({"at": "10:00", "symbol": "INFY", "change": 2})
    before = ltp(caller)
    go_to(hands, "09:30")
    row = caller.quotes(INFY)[0]
    assert row["ltp"] == row["open"] == row["close"] == before
    go_to(hands, "10:00")
    assert ltp(caller) == pytest.approx(before * 1.02, abs=0.03)


def test_other_symbols_do_as_without_a_script(play: Play, simulate: Simulate, hands: Hands) -> None:
    scripted, plain = play(move("09:15", 1500)), Caller(simulate())
    plain.log_in()
    for clock in ("09:05", "09:15", "11:00:30", "15:29:59", "17:00"):
        go_to(hands, clock)
        assert scripted.quotes("2885") == plain.quotes("2885")
        assert scripted.history("1 minute", "19-Nov-2025", "21-Nov-2025") == plain.history(
            "1 minute", "19-Nov-2025", "21-Nov-2025"
        )


def test_candles_quotes_and_depth_tell_one_story_all_day(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("09:40", 1540, "10:13"), move("11:00", 1470), move("14:00", 1510, "15:30"))
    seen: list[float] = []
    go_to(hands, "09:15")
    while hands.now.time() < time(15, 40):
        row = caller.quotes(INFY)[0]
        seen.append(row["ltp"])
        (today,) = caller.history("1 day", "20-Nov-2025", "21-Nov-2025", INFY)
        minutes = caller.history("1 minute", "20-Nov-2025", "21-Nov-2025", INFY)
        assert today[1:5] == [row["open"], row["high"], row["low"], row["ltp"]]
        assert (today[2], today[3]) == (max(m[2] for m in minutes), min(m[3] for m in minutes))
        assert today[3] <= min(seen) <= max(seen) <= today[2]
        assert (minutes[-1][4], sum(m[5] for m in minutes)) == (row["ltp"], row["tradedVolume"])
        book = caller.content("POST", "/marketdata/marketdepth", {"exchange": "NSEEQ", "instrumentId": INFY})
        assert book["result"]["marketDepth"]["bids"][0]["price"] == row["bestBidPrice"] < row["ltp"]
        hands.now += timedelta(minutes=7, seconds=30)
    assert (today[1:5], len(minutes)) == ([1500, 1540, 1470, 1510], 375)


def test_before_the_opening_today_has_no_candle(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500))
    go_to(hands, "09:14:59")
    for interval in ("1 minute", "1 day"):
        assert caller.history(interval, "19-Nov-2025", "21-Nov-2025", INFY)[-1][0].startswith("2025-11-19")


def test_the_next_day_goes_on_from_the_scripted_close(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("15:00", 1555))
    hands.now += timedelta(days=1, hours=3)
    caller.log_in()
    assert caller.quotes(INFY)[0]["close"] == 1555
    days = caller.history("1 day", "19-Nov-2025", "21-Nov-2025", INFY)
    assert [day[0][:10] for day in days] == ["2025-11-19", "2025-11-20", "2025-11-21"]
    assert days[1][1:5] == [1500, 1555, 1500, 1555]


def test_a_file_that_ended_years_ago_gets_the_scripted_day(play: Play, hands: Hands, tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    (folder / "INFY.csv").write_text("date,open,high,low,close,volume\n2020-01-01,90,110,80,100,5000\n")
    caller = play({"at": "10:00", "symbol": "INFY", "change": 10}, data=folder)
    go_to(hands, "12:00")
    row = caller.quotes(INFY)[0]
    assert (row["ltp"], row["close"], row["low"]) == (110, 100, 100)
    assert [day[0][:10] for day in caller.history("1 day", "01-Jan-2020", "21-Nov-2025", INFY)] == [
        "2020-01-01",
        "2025-11-20",
    ]


def test_a_limit_order_is_filled_when_reached_although_nobody_looked(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("10:00", 1480, "10:20"), move("10:30", 1530))
    go_to(hands, "09:30")
    number = place(caller, **LIMIT, price="1490")["brokerOrderId"]
    deeper = place(caller, **LIMIT, price="1479")["brokerOrderId"]
    go_to(hands, "09:59")
    assert in_book(caller, number)["orderStatus"] == "open"
    go_to(hands, "12:00")
    order = in_book(caller, number)
    assert (order["orderStatus"], order["averageTradedPrice"]) == ("complete", "1490.00")
    assert order["exchangeUpdateTime"] == "20-Nov-2025 10:10:00"
    assert in_book(caller, deeper)["orderStatus"] == "open"
    (trade,) = [row for row in caller.get("/trades") if row["brokerOrderId"] == number]
    assert (trade["tradedPrice"], trade["fillTimestamp"]) == ("1490.00", "20-Nov-2025 10:10:00")


def test_an_order_that_a_jump_passes_is_filled_at_the_price_behind_it(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("10:00", 1480))
    go_to(hands, "09:30")
    number = place(caller, **LIMIT, price="1490")["brokerOrderId"]
    go_to(hands, "10:00")
    assert in_book(caller, number)["averageTradedPrice"] == "1480.00"


@pytest.mark.parametrize("seconds", [97, 600, 23_000])
def test_what_becomes_of_orders_does_not_hang_on_who_looks_when(play: Play, hands: Hands, seconds: int) -> None:
    caller = play(
        move("09:15", 1500),
        move("09:30", 1450, "10:30"),
        {"at": "10:00", "symbol": "INFY", "fill": 30, "until": "11:00"},
        move("11:00", 1560, "13:00"),
        {"at": "13:30", "market": "close"},
        {"at": "14:00", "market": "open"},
        move("14:00", 1480),
        move("14:30", 1520, "15:30"),
    )
    go_to(hands, "09:20")
    for price in ("1490", "1470.35", "1449"):
        place(caller, **LIMIT, price=price)
    for price in ("1520", "1559.95", "1561"):
        place(caller, **LIMIT, product="NORMAL", transactionType="SELL", price=price)
    place(caller, orderType="SL", slTriggerPrice="1530", price="1531")
    place(caller, orderType="SL", slTriggerPrice="1460", price="1459", transactionType="SELL", product="NORMAL")
    while hands.now.time() < time(15, 30):
        hands.now += timedelta(seconds=seconds)
        caller.get("/orders")
    placed = [row for row in caller.get("/orders") if row["orderTag"] == "my tag"]
    assert [
        (row["orderStatus"], row["filledQuantity"], row["averageTradedPrice"], row["exchangeUpdateTime"][-8:])
        for row in placed
    ] == [
        ("complete", "10", "1490.00", "09:42:00"),
        ("complete", "10", "1456.10", "11:00:00"),  # 3 at 1470.35, 7 at 1450.00
        ("cancelled", "0", "0.00", "15:30:00"),
        ("complete", "10", "1520.00", "12:16:21"),
        ("complete", "10", "1559.95", "12:59:56"),
        ("cancelled", "0", "0.00", "15:30:00"),
        ("complete", "5", "1530.00", "12:27:16"),
        ("complete", "5", "1459.20", "11:09:49"),  # 1 at 1460.00, 4 at 1459.00 on the way back
    ]


def test_a_stop_wakes_at_its_trigger_and_is_filled(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("10:00", 1530, "10:30"), move("11:00", 1500))
    go_to(hands, "09:30")
    stop = place(caller, orderType="SL", slTriggerPrice="1520", price="1525")["brokerOrderId"]
    assert in_book(caller, stop)["orderStatus"] == "TRIGGER_PENDING"
    go_to(hands, "11:30")
    order = in_book(caller, stop)
    assert (order["orderStatus"], order["averageTradedPrice"]) == ("complete", "1520.00")
    assert order["exchangeUpdateTime"] == "20-Nov-2025 10:20:00"


def test_fills_move_positions_and_margins(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), move("10:00", 1480, "10:20"))
    go_to(hands, "09:45")
    used = caller.get("/limits")["utilizedMargin"]
    number = place(caller, **LIMIT, product="NORMAL", price="1490")["brokerOrderId"]
    assert caller.get("/limits")["utilizedMargin"] == used + 14900
    go_to(hands, "11:00")
    (row,) = [row for row in caller.get("/positions") if row["product"] == "NORMAL"]
    assert (row["netQuantity"], row["netAveragePrice"], row["dayBuyValue"]) == (10.0, "1490.00", "14900.00")
    assert in_book(caller, number)["orderStatus"] == "complete"


def test_a_thin_hour_fills_a_part_and_its_end_the_rest(play: Play, hands: Hands) -> None:
    thin = {"at": "10:00", "symbol": "INFY", "fill": 40, "until": "11:00"}
    caller = play(move("09:15", 1500), thin, move("10:30", 1490))
    go_to(hands, "10:10")
    number = place(caller, **LIMIT, product="NORMAL", price="1505")["brokerOrderId"]
    order = in_book(caller, number)
    assert (order["orderStatus"], order["filledQuantity"], order["pendingQuantity"]) == ("PARTIALLY_FILLED", "4", "6")
    go_to(hands, "12:00")
    order = in_book(caller, number)
    assert (order["orderStatus"], order["filledQuantity"], order["averageTradedPrice"]) == ("complete", "10", "1494.00")
    trades = [row for row in caller.get("/trades") if row["brokerOrderId"] == number]
    assert [(row["filledQuantity"], row["tradedPrice"], row["fillTimestamp"][-8:]) for row in trades] == [
        ("4", "1500.00", "10:10:00"),
        ("6", "1490.00", "11:00:00"),
    ]
    assert len({row["exchangeTradeId"] for row in trades}) == 2
    (row,) = [row for row in caller.get("/positions") if row["product"] == "NORMAL"]
    assert row["dayBuyValue"] == "14940.00"


def test_what_a_thin_market_leaves_can_be_cancelled_or_changed(play: Play, hands: Hands) -> None:
    caller = play(move("09:15", 1500), {"at": "10:00", "symbol": "INFY", "fill": 40, "until": "15:00"})
    go_to(hands, "10:10")
    first, second, third = (place(caller, **LIMIT, price="1505")["brokerOrderId"] for _ in range(3))
    at_once = place(caller, **LIMIT, price="1505", validity="IOC")["brokerOrderId"]
    assert caller.content("DELETE", f"/orders/{first}")["result"]["status"] == "Success"
    (row,) = caller.get(f"/orders/{first}")
    assert (row["orderStatus"], row["filledQuantity"], row["cancelledQuantity"]) == ("cancelled", "4", "6")
    assert caller.content("PUT", f"/orders/{second}", {"price": "1400"})["result"]["status"] == "Success"
    assert in_book(caller, second)["orderStatus"] == "PARTIALLY_FILLED"
    assert in_book(caller, at_once)["orderStatus"] == "cancelled"
    go_to(hands, "15:01")
    assert [in_book(caller, number)["filledQuantity"] for number in (first, second, third)] == ["4", "4", "10"]


def test_the_next_order_is_refused_once_with_the_scripts_words(play: Play, hands: Hands) -> None:
    reason = "RMS:Blocked for INTRADAY"
    caller = play({"at": "10:00", "reject": reason, "symbol": "INFY"})
    go_to(hands, "10:01")
    other = place(caller, instrumentId="2885")["brokerOrderId"]
    refused, taken = (place(caller)["brokerOrderId"] for _ in range(2))
    assert in_book(caller, other)["orderStatus"] == in_book(caller, taken)["orderStatus"] == "complete"
    order = in_book(caller, refused)
    assert (order["orderStatus"], order["rejectionReason"], order["filledQuantity"]) == ("rejected", reason, "0")


def test_money_comes_in_at_its_time(play: Play, hands: Hands) -> None:
    caller = play({"at": "10:00", "payin": 2500.5})
    before = caller.get("/limits")
    go_to(hands, "10:00")
    after = caller.get("/limits")
    for name in ("intradayPayin", "tradingLimit"):
        assert after[name] == before[name] + 2500.5


def test_failures_and_quirks_come_and_go_at_their_times(play: Play, hands: Hands) -> None:
    caller = play(
        {"at": "10:00", "fault": "profile=503", "until": "10:30"},
        {"at": "10:10", "quirk": "D17", "until": "11:00"},
        {"at": "12:00", "quirk": "D4"},
        {"at": "12:00", "fault": "trades=503"},
    )
    caller.simulator.fail("orders", "500")
    statuses = []
    for clock in ("09:59:59", "10:00", "10:29:59", "10:30"):
        go_to(hands, clock)
        statuses.append(caller.send("GET", "/profile").status)
    assert statuses == [200, 503, 503, 200]
    assert caller.get("/profile")["accountStatus"] == "Active"
    go_to(hands, "11:00")
    assert caller.get("/profile")["accountStatus"] == "Na"
    go_to(hands, "14:00")
    assert isinstance(json.loads(caller.send("GET", "/holdings").body), list)
    assert [fault.route for fault in caller.simulator.faults] == ["orders", "trades"]


def test_while_the_market_is_closed_nothing_moves_and_nothing_is_filled(play: Play, hands: Hands) -> None:
    caller = play(
        move("09:15", 1500),
        {"at": "10:00", "market": "close"},
        {"at": "11:00", "market": "open"},
        move("11:00", 1490),
        move("11:10", 1520),
    )
    go_to(hands, "10:00")
    frozen = caller.quotes(INFY, "2885"), caller.history("1 minute", "20-Nov-2025", "21-Nov-2025")
    go_to(hands, "10:30")
    number = place(caller, **LIMIT, price="1495")["brokerOrderId"]
    market = place(caller)["brokerOrderId"]
    at_once = place(caller, validity="IOC")["brokerOrderId"]
    assert (caller.quotes(INFY, "2885"), caller.history("1 minute", "20-Nov-2025", "21-Nov-2025")) == frozen
    statuses = [in_book(caller, each)["orderStatus"] for each in (number, market, at_once)]
    assert statuses == ["open", "open", "cancelled"]
    go_to(hands, "12:00")
    for each in (number, market):
        order = in_book(caller, each)
        assert (order["averageTradedPrice"], order["exchangeUpdateTime"][-8:]) == ("1490.00", "11:00:00")
    minutes = caller.history("1 minute", "20-Nov-2025", "21-Nov-2025", INFY)
    assert {row[5] for row in minutes if "T10:" in row[0]} == {0}


@pytest.mark.parametrize(("steps", "end"), [((), "15:30"), (({"at": "14:00", "market": "close"},), "14:00")])
def test_with_the_day_end_all_orders_that_wait_but_those_for_tomorrow(
    play: Play, hands: Hands, steps: tuple[dict[str, Any], ...], end: str
) -> None:
    caller = play(move("09:15", 1500), *steps)
    go_to(hands, "13:00")
    numbers = [place(caller, **LIMIT, price="1400")["brokerOrderId"] for _ in range(2)]
    tomorrow = place(caller, **LIMIT, price="1400", orderComplexity="AMO")["brokerOrderId"]
    go_to(hands, f"{end}:01")
    assert {in_book(caller, number)["orderStatus"] for number in numbers} == {"cancelled"}
    assert {in_book(caller, number)["exchangeUpdateTime"] for number in numbers} == {f"20-Nov-2025 {end}:00"}
    assert [row["brokerOrderId"] for row in caller.get("/orders") if row["orderStatus"] == "open"] == [tomorrow]
    late = place(caller, **LIMIT, price="1600")["brokerOrderId"]
    assert in_book(caller, late)["orderStatus"] == "cancelled"


def test_the_example_is_an_ordinary_day(simulate: Simulate, hands: Hands) -> None:
    caller = Caller(simulate(script="example", start=time(9, 0), speed=60))
    caller.log_in()
    seen: dict[str, set[float]] = {"2885": set(), INFY: set(), "3045": set(), "999920000": set()}
    for _ in range(400):  # a real second is a minute there
        for row in caller.quotes(*seen):
            seen[str(row["instrumentId"])].add(row["ltp"])
        hands.now += timedelta(seconds=1)
    assert all(len(prices) > 50 for prices in seen.values())
    for number, prices in seen.items():
        (today,) = caller.history("1 day", "20-Nov-2025", "21-Nov-2025", number)
        assert (today[2], today[3]) == (max(prices), min(prices - {caller.quotes(number)[0]["close"]}))
    assert caller.get("/limits")["intradayPayin"] == 350000
    assert (caller.simulator.faults, caller.simulator.quirks) == ((), ())


@st.composite
def walks(draw: st.DrawFn) -> list[Point]:
    """Points as a script makes them: pairs, a jump or an even move, on ticks."""
    times = sorted(draw(st.lists(st.integers(0, SESSION_SECONDS - 1), max_size=8)))
    points: list[Point] = [(0, 5 * draw(st.integers(1, 2000)))]
    for place_, at in enumerate(times):
        latest = times[place_ + 1] if place_ + 1 < len(times) else SESSION_SECONDS
        target = 5 * draw(st.integers(1, 2000))
        points += [(at, points[-1][1]), (draw(st.integers(at, latest)), target)]
    return [*points, (SESSION_SECONDS, points[-1][1])]


@settings(max_examples=60, deadline=None)
@given(walks(), st.floats(0, SESSION_SECONDS), st.floats(0, SESSION_SECONDS))
@pytest.mark.slow
def test_every_price_lies_inside_its_minute_and_every_tick_is_a_price(
    points: list[Point], one: float, other: float
) -> None:
    path = ScriptedPath(TODAY, points, Hours(), 1_000_000)
    earlier, later = sorted((one, other))
    price, so_far = path.price_at(later), path.so_far(later)
    assert so_far is not None
    assert so_far.close == price
    minute = path.minutes()[min(int(later // 60), 374)]
    assert minute.low <= price <= minute.high
    day = path.day()
    assert day.low <= so_far.low <= price <= so_far.high <= day.high
    assert sum(each.volume for each in path.minutes()) == day.volume == 1_000_000
    for at, reached in path.ticks(earlier, later):
        assert earlier < at <= later
        assert so_far.low <= reached <= so_far.high
