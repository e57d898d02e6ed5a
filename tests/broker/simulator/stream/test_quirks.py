"""What nobody knows of the broker's stream, and the simulator therefore does either way."""

import pytest

from broker.simulator import QUIRKS, Simulator
from tests.broker.simulator.caller import BUY, Hands
from tests.broker.simulator.stream.subscriber import INFY, NIFTY, ORDERS, RELIANCE, STATUS, TRADES, Connect
from tests.support.waiting import eventually

NIFTY_PRICES = "prod/marketfeed/mw/v1/nseeq/999920000"
INTEREST = "prod/marketfeed/oi/v1/nseeq/2885"


def test_the_last_value_is_repeated_without_the_retain_bit(connect: Connect) -> None:
    client = connect()
    client.subscribe(RELIANCE, NIFTY, INTEREST, STATUS)
    eventually(lambda: len(client.messages) == 4)
    assert {message.topic: message.retain for message in client.messages} == dict.fromkeys(
        (RELIANCE, NIFTY, INTEREST, STATUS), False
    )
    assert client.payloads(INTEREST) == [bytes(16)]  # shares have none


def test_open_interest_is_not_sent_again_with_each_price(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(INTEREST, RELIANCE)
    client.wait_for(RELIANCE)
    for price in ("1500.05", "1500.10", "1500.15"):
        streaming.set_price("RELIANCE", price)
        streaming.stream.tick()
    client.wait_for(RELIANCE, 4)
    assert len(client.payloads(INTEREST)) == 1


def test_what_is_repeated_may_have_the_retain_bit_and_what_is_new_has_not(
    connect: Connect, streaming: Simulator
) -> None:
    streaming.add_quirk("stream-retained")
    client = connect()
    client.subscribe(RELIANCE)
    client.wait_for(RELIANCE)
    streaming.set_price("RELIANCE", "1500.05")
    client.wait_for(RELIANCE, 2)
    assert [message.retain for message in client.messages] == [True, False]


def test_nothing_may_be_repeated(connect: Connect, streaming: Simulator) -> None:
    streaming.add_quirk("stream-no-last-value")
    client = connect()
    client.subscribe(RELIANCE, NIFTY, STATUS)
    streaming.stream.push(STATUS, b"the first")
    client.wait_for(STATUS)  # a price may change, and come, before it
    assert client.payloads(STATUS) == [b"the first"]


def test_an_index_has_price_packets_without_a_book_or_none(connect: Connect, streaming: Simulator) -> None:
    client = connect()
    client.subscribe(NIFTY_PRICES)
    [packet] = client.wait_for(NIFTY_PRICES)
    assert packet[66:] == bytes(122)
    streaming.add_quirk("stream-no-index-mw")
    late = connect("late")
    late.subscribe(NIFTY_PRICES, INFY)
    late.wait_for(INFY)
    assert late.payloads(NIFTY_PRICES) == []


def test_wildcards_may_be_granted_and_stay_silent(connect: Connect, streaming: Simulator) -> None:
    everything = "prod/marketfeed/mw/v1/nseeq/#"
    client = connect()
    assert client.subscribe(everything) == [128]
    streaming.add_quirk("stream-wildcards")
    assert client.subscribe(everything, "prod/marketfeed/mw/v1/nseeq/+", RELIANCE) == [0, 0, 0]
    client.wait_for(RELIANCE)
    client.unsubscribe(everything)
    eventually(lambda: everything not in streaming.stream.clients()[0].topics)
    assert {message.topic for message in client.messages} == {RELIANCE}


@pytest.mark.parametrize(
    ("quirks", "side", "date", "time", "valid_until"),
    [
        ((), "B", "45981", "0.458680555555556", "45981"),
        (("stream-sides-in-words",), "BUY", "45981", "0.458680555555556", "45981"),
        (("D19",), "B", "11/20/2025", "11:00:30", "11/20/2025"),
    ],
)
def test_updates_have_serial_dates_and_letters_or_text_and_words(
    connect: Connect,
    streaming: Simulator,
    hands: Hands,
    quirks: tuple[str, ...],
    side: str,
    date: str,
    time: str,
    valid_until: str,
) -> None:
    for name in quirks:
        streaming.add_quirk(name)
    client = connect()
    client.subscribe(ORDERS, TRADES)
    streaming.place_order(BUY)
    client.wait_for(TRADES)
    [trade] = client.rows(TRADES)
    assert (trade["transactionType"], trade["fillDate"], trade["fillTime"]) == (side, date, time)
    assert {row["validityDate"] for row in client.rows(ORDERS)} == {valid_until}
    assert {row["transactionType"] for row in client.rows(ORDERS)} == {"BUY"}


def test_the_groups_of_quirks_leave_the_stream_as_it_is(streaming: Simulator) -> None:
    streaming.add_quirk("all")
    assert not any(QUIRKS[name].is_of_stream for name in streaming.quirks)
