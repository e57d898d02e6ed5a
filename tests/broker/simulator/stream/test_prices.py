"""The stream has the prices of the REST side, when they change."""

import struct
from datetime import timedelta

import pytest

from broker.simulator import Simulator, StreamOptions
from tests.broker.simulator.caller import Caller, Hands, Simulate
from tests.broker.simulator.stream.subscriber import INFY, NIFTY, RELIANCE, Connect, Subscriber
from tests.support.waiting import eventually


def last_price(payload: bytes) -> float:
    return float(struct.unpack_from("<i", payload)[0] / 100)


def test_the_last_value_comes_at_once_and_agrees_with_the_quote(connect: Connect, account_holder: Caller) -> None:
    client = connect()
    assert client.subscribe(RELIANCE, NIFTY) == [0, 0]
    [quote] = account_holder.quotes("2885")
    [payload] = client.wait_for(RELIANCE)
    assert len(payload) == 188
    assert last_price(payload) == quote["ltp"]
    high, low, opened, close, average = (raw / 100 for raw in struct.unpack_from("<iiiii", payload, 12))
    assert (high, low, opened, close) == (quote["high"], quote["low"], quote["open"], quote["close"])
    assert average == quote["averageTradedPrice"]
    assert struct.unpack_from("<IIII", payload, 4)[:2] == (quote["lastTradedQuantity"], quote["tradedVolume"])
    assert struct.unpack_from("<Ii", payload, 34) == (quote["bestBidQuantity"], round(quote["bestBidPrice"] * 100))
    [index] = client.wait_for(NIFTY)
    assert len(index) == 20
    [nifty] = account_holder.quotes("999920000")
    assert struct.unpack_from("<I", index, 3)[0] / 100 == nifty["ltp"]


def test_nothing_is_sent_while_prices_stand_still(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(RELIANCE, INFY)
    client.wait_for(INFY)
    for _ in range(5):
        streaming.stream.tick()
    streaming.set_price("INFY", "1500.05")
    client.wait_for(INFY, 2)
    assert len(client.payloads(RELIANCE)) == 1


def test_a_price_that_moves_is_sent_as_the_quote_has_it(connect: Connect, hands: Hands, account_holder: Caller) -> None:
    client = connect()
    client.subscribe(RELIANCE)
    client.wait_for(RELIANCE)
    prices = []
    for _ in range(5):
        hands.now += timedelta(minutes=1)
        [quote] = account_holder.quotes("2885")
        prices.append(quote["ltp"])
        eventually(lambda: last_price(client.payloads(RELIANCE)[-1]) == prices[-1])
    assert len(set(prices)) > 1


def test_a_price_that_is_set_is_in_the_quote_and_in_the_stream(
    connect: Connect, streaming: Simulator, account_holder: Caller
) -> None:
    client = connect()
    client.subscribe(RELIANCE)
    client.wait_for(RELIANCE)
    [before] = account_holder.quotes("2885")
    streaming.set_price("RELIANCE", before["high"] + 100)
    payload = client.wait_for(RELIANCE, 2)[-1]
    [quote] = account_holder.quotes("2885")
    assert last_price(payload) == quote["ltp"] == quote["high"] == before["high"] + 100
    streaming.release_prices()
    assert account_holder.quotes("2885") == [before]


def test_a_price_is_set_for_a_known_symbol_and_above_zero_only(streaming: Simulator) -> None:
    for symbol, price in (("NOBODY", 5), ("INFY", 0), ("INFY", -1)):
        with pytest.raises(ValueError, match="no symbol"):
            streaming.set_price(symbol, price)


@pytest.mark.parametrize(("days", "hour"), [(0, 20), (1, 8), (2, 12)])
def test_a_replayed_session_moves_at_any_hour(simulate: Simulate, hands: Hands, days: int, hour: int) -> None:
    hands.now = (hands.now + timedelta(days=days)).replace(hour=hour)
    caller = Caller(simulate(replay=True))
    caller.log_in()
    seen = set()
    for _ in range(10):
        [quote] = caller.quotes("2885")
        assert quote["tickTimestamp"].endswith(f"{hands.now:%H:%M:%S}")
        assert quote["low"] <= quote["ltp"] <= quote["high"]
        seen.add(quote["ltp"])
        hands.now += timedelta(seconds=60)
    assert len(seen) > 3


@pytest.mark.slow
def test_so_many_packets_a_second_come_at_any_rate_of_all_instruments_in_turn(simulate: Simulate) -> None:
    simulator = simulate(stream=StreamOptions(interval=0.02, rate=500)).start()
    caller = Caller(simulator)
    caller.log_in()
    client = Subscriber(simulator.stream_url, "many", "", f"OPENID~~{caller.token}~")
    try:
        client.subscribe(RELIANCE, INFY)
        eventually(lambda: len(client.messages) > 1_000)
        counts = [len(client.payloads(topic)) for topic in (RELIANCE, INFY)]
        assert abs(counts[0] - counts[1]) < 500
    finally:
        client.close()
