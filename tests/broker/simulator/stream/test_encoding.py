"""The simulator writes the packets that were recorded and documented, byte for byte."""

import json
import struct
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.simulator.account.ledger import Fill, Order
from broker.simulator.prices.contracts import Contract
from broker.simulator.stream import mqtt, packets
from broker.simulator.stream.mqtt import PacketReader, PacketType, ProtocolError
from broker.simulator.stream.packets import IndexPacket, Level, MarketPacket
from broker.simulator.stream.topics import (
    INDEX,
    LOWER_CIRCUIT,
    MARKET,
    MARKET_STATUS,
    OPEN_INTEREST,
    UPPER_CIRCUIT,
    parse_topic,
)
from broker.simulator.stream.updates import order_update, trade_update
from broker.simulator.wire import IST
from tests.broker.stream.vectors import of_kind

PAYLOADS = [vector for vector in of_kind("payload") if vector["accept"]]
RECORDED_INDICES = {  # NIFTY 50 and INDIA VIX on 1 October 2026
    "00e08d93362200000000001d8422006400000000": IndexPacket(0, 36320, 2242195, 2262045),
    "13e08da634020000000000f40e02001027000000": IndexPacket(19, 36320, 144550, 134900, divisor=10_000),
}


def levels(side: list[dict[str, Any]], divisor: int) -> list[Level]:
    return [
        Level(level["quantity"], round(float(level["price"]) * divisor), level["orders"], level["transactionType"])
        for level in side
    ]


def encoded(kind: str, decoded: dict[str, Any]) -> bytes:
    raw = decoded.get("raw")
    if kind == MARKET:
        assert isinstance(raw, dict)
        return MarketPacket(
            ltp=raw["ltp"],
            last_quantity=raw["lastTradedQuantity"],
            volume=raw["tradedVolume"],
            high=raw["high"],
            low=raw["low"],
            open=raw["open"],
            close=raw["close"],
            average=raw["averageTradedPrice"],
            reserved=raw["reserved"],
            bid=Level(raw["bestBidQuantity"], raw["bestBidPrice"]),
            ask=Level(raw["bestAskQuantity"], raw["bestAskPrice"]),
            total_bid_quantity=raw["totalBidQuantity"],
            total_ask_quantity=raw["totalAskQuantity"],
            divisor=raw["priceDivisor"],
            last_traded_at=raw["lastTradedTime"],
            bids=levels(decoded["bids"], decoded["divisorUsed"]),
            asks=levels(decoded["asks"], decoded["divisorUsed"]),
        ).encode()
    if kind == INDEX:
        assert isinstance(raw, dict)
        return IndexPacket(
            number=raw["indexId"],
            time=raw["time"],
            value=raw["indexValue"],
            close=raw["closingIndex"],
            divisor=raw["priceDivisor"],
            up_moves=raw["noOfUpMoves"],
            down_moves=raw["noOfDownMoves"],
        ).encode()
    if kind == OPEN_INTEREST:
        return packets.open_interest(
            decoded["openInterest"], decoded["dayHighOi"], decoded["dayLowOi"], decoded["previousOi"]
        )
    if kind == MARKET_STATUS:
        return packets.market_status(decoded["marketStatusCode"])
    if "rawHigh" in decoded:
        return packets.price_band(decoded["rawHigh"], decoded["rawLow"], decoded["priceDivisor"])
    assert isinstance(raw, int)
    return packets.price_event(decoded["instrumentId"], raw, decoded["priceDivisor"])


@pytest.mark.parametrize("vector", PAYLOADS, ids=lambda vector: vector["name"])
def test_every_payload_is_written_as_it_was_recorded(vector: dict[str, Any]) -> None:
    topic = parse_topic(vector["topic"])
    assert topic
    # Recordings and examples may lack the unused bytes at the end.
    assert encoded(topic.kind, vector["decoded"])[: vector["length"]].hex() == vector["hex"]


@pytest.mark.parametrize(("hexadecimal", "packet"), RECORDED_INDICES.items())
def test_an_index_is_written_as_it_was_recorded(hexadecimal: str, packet: IndexPacket) -> None:
    assert packet.encode().hex() == hexadecimal


@pytest.mark.parametrize("vector", of_kind("json"), ids=lambda vector: vector["name"])
def test_an_update_has_the_fields_of_the_examples_in_their_order_and_all_as_text(vector: dict[str, Any]) -> None:
    if not vector["accept"]:
        return
    at = datetime(2026, 10, 1, 11, 0, 7, tzinfo=IST)
    order = Order("261001000000012", contract(), "BUY", "DELIVERY", "LIMIT", 10, 142195, "open", at, tag="tag1")
    order.fill(4, 142195, at)
    written = {
        "order": order_update(order, "90000001"),
        "trade": trade_update(order, 0, order.fills[0], "90000001"),
    }[vector["topic"].split("/")[2]]
    row = json.loads(written)
    assert list(row) == list(vector["decoded"]["json"])
    assert all(isinstance(value, str) for value in row.values())


def test_an_order_has_the_values_of_the_examples() -> None:
    at, later = (datetime(2026, 10, 1, 11, 0, second, tzinfo=IST) for second in (1, 7))
    order = Order("261001000000012", contract(), "BUY", "DELIVERY", "LIMIT", 10, 142195, "open", at, protection="0.0")
    row = json.loads(order_update(order, "90000001"))
    assert (row["price"], row["slTriggerPrice"], row["averageTradedPrice"]) == ("1421.95", "0.0", "0.0")
    assert (row["pendingQuantity"], row["validityDate"], row["exchangeTimestamp"]) == (
        *("10", "46296"),
        "01-Oct-2026 11:00:01",
    )
    order.fill(4, 142195, later)
    trade = json.loads(trade_update(order, 0, order.fills[0], "90000001"))
    assert (trade["fillDate"], trade["fillTime"], trade["transactionType"]) == ("46296", "0.458414351851852", "B")
    as_text = json.loads(trade_update(order, 0, order.fills[0], "90000001", side_in_words=True, dates_as_text=True))
    assert (as_text["fillDate"], as_text["fillTime"], as_text["transactionType"]) == ("10/1/2026", "11:00:07", "BUY")


def contract() -> Contract:
    return Contract("NSEEQ", "RELIANCE", "2885", trading_symbol="RELIANCE-EQ")


i32, u32, u16 = st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)
a_level = st.builds(Level, u32, i32, st.integers(0, 2**15 - 1))


@given(
    numbers=st.tuples(i32, u32, st.integers(0, 2**40), i32, i32, i32, i32, i32, u16),
    sides=st.tuples(st.lists(a_level, max_size=5), st.lists(a_level, max_size=5)),
    divisor=i32,
)
def test_any_market_packet_is_188_bytes_with_every_field_in_its_place(
    numbers: tuple[int, ...], sides: tuple[list[Level], list[Level]], divisor: int
) -> None:
    bids, asks = sides
    ltp, last_quantity, volume, high, low, opened, close, average, reserved = numbers
    data = MarketPacket(
        ltp=ltp,
        last_quantity=last_quantity,
        volume=volume,
        high=high,
        low=low,
        open=opened,
        close=close,
        average=average,
        reserved=reserved,
        divisor=divisor,
        bids=bids,
        asks=asks,
    ).encode()
    assert len(data) == 188
    assert struct.unpack_from("<iII", data) == (ltp, last_quantity, volume % 2**32)
    assert struct.unpack_from("<iiiiiH", data, 12) == numbers[3:]
    assert struct.unpack_from("<i", data, 58) == (divisor,)
    for first, side in ((66, bids), (126, asks)):
        for position, level in enumerate([*side, *[Level()] * (5 - len(side))]):
            assert struct.unpack_from("<Iihh", data, first + 12 * position) == (
                *(level.quantity, level.price, level.orders),
                0,
            )


@given(number=st.integers(0, 300), time=st.integers(0, 86_399), value=u32, close=u32, divisor=i32)
def test_any_index_packet_is_20_bytes(number: int, time: int, value: int, close: int, divisor: int) -> None:
    data = IndexPacket(number, time, value, close, divisor).encode()
    assert len(data) == 20
    assert struct.unpack("<BHIHHIix", data) == (number % 256, time % 65_536, value, 0, 0, close, divisor)


@pytest.mark.parametrize("vector", of_kind("mqtt"), ids=lambda vector: vector["name"])
def test_mqtt_packets_are_read_and_written_as_in_the_reference(vector: dict[str, Any]) -> None:
    data, decoded = bytes.fromhex(vector["hex"]), vector["decoded"]
    [packet] = PacketReader().feed(data)
    kind = decoded["packet"]
    assert packet.kind == PacketType[kind]
    if kind == "CONNECT":
        connect = mqtt.read_connect(packet)
        assert (connect.level, connect.keep_alive, connect.client_id) == (4, 20, decoded["clientId"])
        assert (connect.user_name, connect.password) == (decoded["username"], decoded["password"])
    elif kind == "SUBSCRIBE":
        assert mqtt.read_subscribe(packet) == (decoded["packetId"], [name for name, _ in decoded["filters"]])
    elif kind == "UNSUBSCRIBE":
        assert mqtt.read_unsubscribe(packet) == (decoded["packetId"], decoded["filters"])
    elif kind == "PUBLISH":
        payload = bytes.fromhex(decoded["payloadHex"])
        assert mqtt.publish(decoded["topic"], payload, retain=bool(decoded["retain"])) == data
    else:
        number, codes = decoded.get("packetId", 0), decoded.get("codes", [])
        written = {
            "CONNACK": mqtt.connack(decoded.get("returnCode", 0)),
            "SUBACK": mqtt.suback(number, codes),
            "UNSUBACK": mqtt.unsuback(number),
            "PINGRESP": mqtt.pingresp(),
            "PINGREQ": b"\xc0\0",
            "DISCONNECT": b"\xe0\0",
        }
        assert written[kind] == data


@given(topic=st.text(min_size=1, max_size=200), payload=st.binary(max_size=20_000), cut=st.integers(1, 50))
def test_a_packet_arrives_whole_however_it_is_cut(topic: str, payload: bytes, cut: int) -> None:
    data = mqtt.publish(topic, payload) + mqtt.pingresp()
    reader, found = PacketReader(), []
    for start in range(0, len(data), cut):
        found += reader.feed(data[start : start + cut])
    first, second = found
    assert (first.kind, second.kind) == (PacketType.PUBLISH, PacketType.PINGRESP)
    name = topic.encode()
    assert first.body == len(name).to_bytes(2) + name + payload


@given(data=st.binary(max_size=300))
def test_any_bytes_are_packets_or_a_protocol_error(data: bytes) -> None:
    reader = PacketReader()
    try:
        for packet in reader.feed(data):
            for read in (mqtt.read_connect, mqtt.read_subscribe, mqtt.read_unsubscribe):
                try:
                    read(packet)
                except ProtocolError:
                    continue
    except ProtocolError:
        return


@given(kind=st.sampled_from([UPPER_CIRCUIT, LOWER_CIRCUIT]), exchange=st.text(max_size=10), number=st.text(max_size=10))
def test_any_text_is_a_topic_or_none(kind: str, exchange: str, number: str) -> None:
    topic = parse_topic(f"prod/marketfeed/{kind}/v1/{exchange}")
    assert topic is None or topic.exchange == exchange.upper()
    assert parse_topic(f"prod/marketfeed/{kind}/v1/{exchange}/{number}") is None


def test_a_fill_without_a_price_is_still_text() -> None:
    at = datetime(2026, 10, 1, tzinfo=IST)
    order = Order("1", contract(), "SELL", "DELIVERY", "MARKET", 1, 0, "open", at)
    row = json.loads(trade_update(order, 0, Fill(at, 1, 0), "90000001"))
    assert (row["tradedPrice"], row["fillTime"], row["transactionType"]) == ("0.0", "0", "S")
