"""Packets of the stream decode to the values that were recorded, and any bytes to a packet or an error."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.stream import packets, topics, updates
from broker.stream.packets import (
    BadPacket,
    ExtremePacket,
    IndexPacket,
    MarketStatusPacket,
    OpenInterestPacket,
    PricePacket,
    ProtectionBandPacket,
    decode,
)
from broker.stream.topics import Kind, Topic
from broker.values import OrderStatus
from tests.broker.stream.vectors import named, of_kind

BINARY = [kind for kind in Kind if kind not in topics.OF_THE_ACCOUNT]


def decoded(vector: dict[str, Any]) -> Any:
    topic = topics.parse(vector["topic"])
    assert topic
    return decode(topic, bytes.fromhex(vector["hex"]))


def reason_to_refuse(read: Callable[[], object]) -> str:
    try:
        read()
    except BadPacket as error:
        return error.reason
    return ""


def price(text: str) -> Decimal | None:
    return Decimal(text) or None


def check_price(packet: PricePacket, expected: dict[str, Any]) -> None:
    raw, prices = expected["raw"], expected["prices"]
    assert packet.volume == raw["tradedVolume"]
    assert packet.last_quantity == raw["lastTradedQuantity"]
    assert (packet.bid_quantity, packet.ask_quantity) == (raw["bestBidQuantity"], raw["bestAskQuantity"])
    assert (packet.total_bid_quantity, packet.total_ask_quantity) == (raw["totalBidQuantity"], raw["totalAskQuantity"])
    for name, wire in {
        "ltp": "ltp",
        "high": "high",
        "low": "low",
        "open": "open",
        "previous_close": "close",
        "average_price": "averageTradedPrice",
        "bid_price": "bestBidPrice",
        "ask_price": "bestAskPrice",
    }.items():
        assert getattr(packet, name) == price(prices[wire]), name
    for side, levels in (("bids", packet.bids), ("asks", packet.asks)):
        known = [level for level in expected[side] if price(level["price"])]
        assert [(level.quantity, level.price, level.orders) for level in levels] == [
            (level["quantity"], Decimal(level["price"]), level["orders"]) for level in known
        ]
    assert packet.divisor_known == (raw["priceDivisor"] > 0)
    traded = packet.last_traded_at
    assert (traded.timestamp() if traded else 0) == raw["lastTradedTime"]


def check(packet: Any, expected: dict[str, Any]) -> None:
    match packet:
        case PricePacket():
            check_price(packet, expected)
        case IndexPacket():
            assert packet.value == Decimal(expected["indexValue"])
            assert packet.previous_close == Decimal(expected["closingIndex"])
            assert packet.up_moves == expected["raw"]["noOfUpMoves"]
        case OpenInterestPacket():
            assert packet.open_interest == expected["openInterest"]
            assert (packet.day_high, packet.day_low) == (expected["dayHighOi"], expected["dayLowOi"])
            assert packet.previous == expected["previousOi"]
        case MarketStatusPacket():
            assert packet.code == expected["marketStatusCode"]
        case ProtectionBandPacket():
            assert (packet.high, packet.low) == (Decimal(expected["lppHigh"]), Decimal(expected["lppLow"]))
        case ExtremePacket():
            assert packet.instrument_id == str(expected["instrumentId"])
            assert packet.price == Decimal(expected["raw"]) / expected["priceDivisor"]


@pytest.mark.parametrize("vector", of_kind("payload"), ids=lambda vector: vector["name"])
def test_a_packet_decodes_to_its_values_or_is_refused(vector: dict[str, Any]) -> None:
    if not vector["accept"]:
        with pytest.raises(BadPacket, match="short"):
            decoded(vector)
        return
    check(decoded(vector), vector["decoded"])


@given(st.sampled_from(BINARY), st.binary(max_size=250))
def test_any_bytes_are_a_packet_or_an_error(kind: Kind, payload: bytes) -> None:
    topic = Topic(kind, "NSEEQ", "2885")
    reason = reason_to_refuse(lambda: decode(topic, payload))
    assert reason in ("", "short", "implausible")
    if not reason:
        packet = decode(topic, payload)
        values = [getattr(packet, name) for name in packet.__struct_fields__]
        assert all(value > 0 for value in values if isinstance(value, Decimal))


@given(st.binary(max_size=packets.PRICE_LENGTH - 1))
def test_a_short_packet_is_never_a_price(payload: bytes) -> None:
    with pytest.raises(BadPacket):
        decode(Topic(Kind.PRICE, "NSEEQ", "2885"), payload)


@given(st.integers(-(2**31), 2**31 - 1))
def test_a_divisor_that_is_no_power_of_ten_is_said_to_be_unknown(divisor: int) -> None:
    good = bytes.fromhex(named("mw_equity_made")["hex"])
    packet = decode(
        Topic(Kind.PRICE, "NSEEQ", "2885"), good[:58] + divisor.to_bytes(4, "little", signed=True) + good[62:]
    )
    assert isinstance(packet, PricePacket)
    assert packet.divisor_known == (divisor in packets.PLACES)


@given(st.binary(max_size=40))
def test_bytes_after_a_packet_change_nothing(more: bytes) -> None:
    good = bytes.fromhex(named("index_made")["hex"])
    topic = Topic(Kind.INDEX, "BSEEQ", "999901")
    assert decode(topic, good + more) == decode(topic, good)


def test_a_price_outside_the_days_range_is_refused() -> None:
    good = bytes.fromhex(named("mw_equity_made")["hex"])
    with pytest.raises(BadPacket, match="implausible"):
        decode(Topic(Kind.PRICE, "NSEEQ", "2885"), (10**6).to_bytes(4, "little") + good[4:])


def test_a_status_that_is_not_documented_keeps_its_number() -> None:
    assert decode(Topic(Kind.MARKET_STATUS, "NSEEQ", ""), b"\x2a\x00") == MarketStatusPacket(code=42)


@pytest.mark.parametrize("vector", of_kind("json"), ids=lambda vector: vector["name"])
def test_an_update_is_read_or_refused(vector: dict[str, Any]) -> None:
    topic, payload = topics.parse(vector["topic"]), bytes.fromhex(vector["hex"])
    assert topic
    read = updates.order_update if topic.kind is Kind.ORDER else updates.trade_update
    if not vector["accept"]:
        with pytest.raises(BadPacket):
            read(payload)
        return
    update, sent = read(payload), vector["decoded"]["json"]
    assert update.order_id == sent["brokerOrderId"]
    assert update.instrument_id == sent["instrumentId"]
    assert update.side == {"B": "BUY", "S": "SELL"}.get(sent["transactionType"], sent["transactionType"])
    if topic.kind is Kind.TRADE:
        traded_at = updates.trade_update(payload).traded_at
        assert traded_at
        assert traded_at.isoformat() == vector["decoded"]["fillTimestamp"]


def test_an_orders_tag_is_the_first_part_of_its_comments() -> None:
    order = updates.order_update(bytes.fromhex(named("order_open_made")["hex"]))
    assert (order.tag, order.status) == ("tag1", OrderStatus.OPEN)
    assert "APPKEY" not in repr(order)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_update_or_an_error(payload: bytes) -> None:
    assert reason_to_refuse(lambda: updates.order_update(payload)) in ("", "json", "unreadable")
    assert reason_to_refuse(lambda: updates.trade_update(payload)) in ("", "json", "unreadable")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3),
)
NAMES = st.sampled_from(["quantity", "price", "brokerOrderId", "fillDate", "fillTime", "tradedPrice", "comments"])


@given(st.dictionaries(NAMES, JSON))
def test_any_values_are_an_update_or_an_error(fields: dict[str, Any]) -> None:
    payload = json.dumps({"brokerOrderId": "1", **fields}).encode()
    assert reason_to_refuse(lambda: updates.order_update(payload)) in ("", "json", "unreadable")
    assert reason_to_refuse(lambda: updates.trade_update(payload)) in ("", "json", "unreadable")


@pytest.mark.parametrize(
    ("day", "clock", "time"),
    [
        ("45511", "0.676585648148148", "2024-08-07T16:14:17+05:30"),
        ("8/7/2024", "16:14:17", "2024-08-07T16:14:17+05:30"),
        ("07-Aug-2024", "16:14:17", "2024-08-07T16:14:17+05:30"),
        ("45511", "1.5", None),
        ("NA", "-", None),
        ("8/7/२०२४", "16:14:17", None),
    ],
)
def test_a_fills_time_is_read_in_each_of_its_forms(day: str, clock: str, time: str | None) -> None:
    fields = named("trade_update_single_letter_made")["decoded"]["json"] | {"fillDate": day, "fillTime": clock}
    traded_at = updates.trade_update(json.dumps(fields).encode()).traded_at
    assert (traded_at.isoformat() if traded_at else None) == time


@pytest.mark.parametrize(
    "name",
    [
        "",
        "prod/marketfeed/mw/v1/",
        "prod/marketfeed/mw/v1/nseeq",
        "prod/marketfeed/mw/v2/nseeq/1",
        "prod/marketfeed/nothing/v1/nseeq/1",
        "prod/updates/mw/v1/nseeq/1",
        "prod/marketfeed/order/v1/90000001",
        "prod/marketfeed/marketstatus/v1/nseeq/1",
        "prod/orderupdate/v1/90000001",
        "prod/marketfeed/mw/v1/nse eq/1",
    ],
)
def test_a_name_that_is_no_topic_is_none(name: str) -> None:
    assert topics.parse(name) is None


@given(st.text(max_size=60))
def test_any_text_is_a_topic_or_none(name: str) -> None:
    for text in (name, f"prod/marketfeed/mw/v1/{name}"):
        topic = topics.parse(text)
        assert topic is None or topic.kind in Kind


def test_topics_are_written_as_they_are_read() -> None:
    for kind in topics.OF_AN_INSTRUMENT:
        assert topics.parse(topics.of_instrument(kind, "NSEEQ", "2885")) == Topic(kind, "NSEEQ", "2885")
    for name in topics.of_market_status("NSEEQ"):
        assert topics.parse(name) == Topic(Kind.MARKET_STATUS, "NSEEQ", "")
    assert [topics.parse(name) for name in topics.of_account("90000001")] == [
        Topic(Kind.ORDER, "", "90000001"),
        Topic(Kind.TRADE, "", "90000001"),
    ]
