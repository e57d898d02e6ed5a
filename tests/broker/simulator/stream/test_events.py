"""Circuit limits, extremes of 52 weeks and the market's status are told when they come about."""

import struct
from datetime import timedelta

from broker.simulator import Simulator
from tests.broker.simulator.caller import Caller, Hands, Simulate
from tests.broker.simulator.stream.subscriber import STATUS, Connect
from tests.support.waiting import eventually

UPPER, LOWER, HIGH, LOW = (
    f"prod/marketfeed/{kind}/v1/nseeq" for kind in ("uppercircuit", "lowercircuit", "high52week", "low52week")
)


def events(payloads: list[bytes]) -> list[tuple[int, float]]:
    """The instruments and prices in the packets."""
    found = (struct.unpack("<IIi", payload) for payload in payloads)
    return [(number, price / divisor) for number, price, divisor in found]


def test_a_price_that_reaches_its_circuit_limit_is_told_once(
    connect: Connect, streaming: Simulator, account_holder: Caller
) -> None:
    client = connect()
    client.subscribe(UPPER, LOWER)
    close = account_holder.quotes("2885")[0]["close"]
    streaming.stream.tick()
    for factor in (1.19, 1.21, 1.22, 1.19, 1.21, 0.79):
        streaming.set_price("RELIANCE", round(close * factor, 2))
        streaming.stream.tick()
    client.wait_for(LOWER)
    assert [number for number, _ in events(client.payloads(UPPER))] == [2885, 2885]
    assert [price / close for _, price in events(client.payloads(UPPER))] == [round(close * 24) / 20 / close] * 2
    assert [number for number, _ in events(client.payloads(LOWER))] == [2885]


def test_each_new_extreme_of_a_year_is_told_and_an_old_one_is_not(
    connect: Connect, streaming: Simulator, account_holder: Caller
) -> None:
    client = connect()
    client.subscribe(HIGH, LOW)
    year = account_holder.history("1 day", "21-Nov-2024", "20-Nov-2025", "1594")
    highest, lowest = max(candle[2] for candle in year), min(candle[3] for candle in year)
    streaming.stream.tick()
    for price in (highest - 1, highest + 1, highest + 0.5, highest + 2, lowest - 1):
        streaming.set_price("INFY", price)
        streaming.stream.tick()
    client.wait_for(LOW)
    assert events(client.payloads(HIGH)) == [(1594, round(highest + 1, 2)), (1594, round(highest + 2, 2))]
    assert events(client.payloads(LOW)) == [(1594, round(lowest - 1, 2))]


def test_nothing_is_told_of_what_was_so_before(connect: Connect, streaming: Simulator) -> None:
    streaming.set_price("INFY", 9_000)
    client = connect()
    client.subscribe(UPPER, HIGH)
    streaming.stream.tick()
    streaming.set_price("RELIANCE", 9_000)
    client.wait_for(HIGH)
    assert [number for number, _ in events(client.payloads(UPPER) + client.payloads(HIGH))] == [2885, 2885]


def test_the_market_status_changes_with_the_time_of_day(connect: Connect, streaming: Simulator, hands: Hands) -> None:
    hands.now = hands.now.replace(hour=8, minute=59)
    streaming.stream.tick()
    client = connect()
    client.subscribe(STATUS)
    client.wait_for(STATUS)
    for count, minutes in enumerate((1, 8, 7, 375, 60), start=2):
        hands.now += timedelta(minutes=minutes)
        streaming.stream.tick()
        if minutes != 60:  # nothing changes in the hour after the close
            client.wait_for(STATUS, count)
    assert [payload[0] for payload in client.payloads(STATUS)] == [7, 0, 1, 2, 7]


def test_a_holiday_has_no_session_no_candle_and_the_price_of_the_day_before(simulate: Simulate, hands: Hands) -> None:
    today, yesterday = hands.now.date(), hands.now.date() - timedelta(days=1)
    ordinary, closed = Caller(simulate()), Caller(simulate(holidays=(today,)))
    for caller in (ordinary, closed):
        caller.log_in()
    [quote] = closed.quotes("2885")
    candles = closed.history("1 day", "17-Nov-2025", "21-Nov-2025")
    assert candles == ordinary.history("1 day", "17-Nov-2025", "21-Nov-2025")[:-1]
    assert quote["tickTimestamp"] == f"{yesterday:%d-%b-%Y} 15:30:00"
    assert quote["ltp"] == candles[-1][4]
    assert closed.simulator.market.status() == 7
    assert closed.history("1 minute", "19-Nov-2025", "21-Nov-2025")[-1][0].startswith(f"{yesterday}")


def test_the_market_is_closed_on_a_weekend(
    connect: Connect, streaming: Simulator, hands: Hands, account_holder: Caller
) -> None:
    hands.now += timedelta(days=2)
    account_holder.log_in()
    streaming.stream.tick()
    client = connect()
    client.subscribe(STATUS)
    eventually(lambda: client.payloads(STATUS) == [b"\7\0"])
