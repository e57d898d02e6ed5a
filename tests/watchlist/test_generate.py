"""POST /api/signals/generate: from candles to a pending signal."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from redis import Redis
from rest_framework.test import APIClient

from broker import clock, gateway
from broker.errors import BrokerUnreachable
from broker.values import Interval
from systemcache.storage import scan
from tests.watchlist.conftest import Market, candles, contract
from watchlist.models import Signal, TradingSetting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("default_settings")]

RISING = candles(*[100] * 20, 103)
ASKED = {"symbol": "tcs", "strategy": "breakout", "interval": "1d"}


@pytest.fixture
def rising(market: Market) -> Market:
    market.candles = RISING
    return market


def generate(api: APIClient, **changes: Any) -> Any:
    answer = api.post("/api/signals/generate", {**ASKED, **changes})
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def test_what_a_strategy_proposes_becomes_a_pending_signal(owner: APIClient, rising: Market) -> None:
    answer = owner.post("/api/signals/generate", ASKED)
    body = answer.json()
    assert body["stale"] is False
    assert datetime.fromisoformat(body["as_of"]) <= timezone.now()
    assert body["data"]["proposal"] == {
        "signal_type": "buy",
        "reason": "The close rose over the 20-candle high of 101.00.",
        "price": "103.00",
        "stop_loss": "99.00",
        "take_profit": "111.00",
        "confidence": "1.0000",
    }
    assert body["data"]["note"] == ""
    signal = body["data"]["signal"]
    assert owner.get(f"/api/signals/{signal['id']}").json() == signal
    assert (signal["symbol"], signal["strategy"], signal["status"]) == ("TCS", "breakout", "pending")
    assert (signal["quantity"], signal["extras"]) == (None, {"interval": "1d"})


def test_nothing_to_propose_is_an_answer(owner: APIClient, market: Market) -> None:
    market.candles = candles(*[100] * 30)
    outcome = generate(owner)
    assert (outcome["proposal"], outcome["signal"]) == (None, None)
    assert outcome["note"] == "The strategy proposes nothing now."


@pytest.mark.parametrize("strategy", ["breakout", "sma_cross", "rsi"])
@pytest.mark.parametrize("ratio", ["0.5", "0.1", "0.75", "10"])
def test_no_signal_is_made_across_a_split_that_the_candles_do_not_adjust_for(
    owner: APIClient, market: Market, strategy: str, ratio: str
) -> None:
    market.candles = candles(*[100] * 60, *[str(100 * Decimal(ratio))] * 3)
    outcome = generate(owner, strategy=strategy)
    assert (outcome["proposal"], outcome["signal"]) == (None, None)
    assert outcome["note"] == "The price jumped before 2025-03-02 as at a split: no signal."
    assert not Signal.objects.exists()


def test_a_split_long_before_the_candles_that_count_is_no_hindrance(owner: APIClient, market: Market) -> None:
    market.candles = candles(*[200] * 30, *[100] * 30, 103)
    assert generate(owner)["signal"]["signal_type"] == "buy"


def test_an_option_may_jump(owner: APIClient, market: Market) -> None:
    market.add(contract("NIFTY2643024000CE", exchange="NSEFO"))
    market.candles = candles(*[100] * 30, 150)
    outcome = generate(owner, symbol="NIFTY2643024000CE", exchange="NSEFO")
    assert outcome["signal"]["signal_type"] == "buy"


def test_a_result_for_the_contract_that_had_the_symbol_before_is_not_used(
    owner: APIClient, rising: Market, redis: Redis
) -> None:
    assert generate(owner)["proposal"]
    rising.contracts["TCS", "NSEEQ"] = msgspec.structs.replace(rising.contracts["TCS", "NSEEQ"], instrument_id="77")
    rising.candles = candles(*[100] * 30)
    assert generate(owner)["proposal"] is None


def test_a_pending_signal_is_not_made_twice(owner: APIClient, rising: Market) -> None:
    first = generate(owner)["signal"]
    second = generate(owner)
    assert second["proposal"] is not None
    assert second["signal"] is None
    assert second["note"] == f"Signal {first['id']} with this proposal is still pending."
    assert Signal.objects.count() == 1


@pytest.mark.parametrize("other", [{"strategy": "sma_cross"}, {"symbol": "INFY"}, {"exchange": "BSEEQ"}], ids=str)
def test_other_strategies_symbols_and_exchanges_have_signals_of_their_own(
    owner: APIClient, market: Market, other: dict[str, str]
) -> None:
    market.candles = candles(*[100] * 50, 110)
    assert generate(owner, symbol="RELIANCE")["signal"] is not None
    assert generate(owner, **{"symbol": "RELIANCE", **other})["signal"] is not None


def test_a_signal_that_was_not_decided_on_in_time_makes_room_for_a_new_one(owner: APIClient, rising: Market) -> None:
    late = generate(owner)["signal"]["id"]
    Signal.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert generate(owner)["signal"] is not None
    assert Signal.objects.get(pk=late).status == "expired"


def test_a_signal_expires_after_the_settings_seconds(owner: APIClient, rising: Market) -> None:
    TradingSetting.objects.filter(key="signal_timeout").update(value="60")
    signal = Signal.objects.get(pk=generate(owner)["signal"]["id"])
    assert signal.expires_at is not None
    assert timedelta(seconds=59) < signal.expires_at - signal.created_at <= timedelta(seconds=60)


@pytest.mark.parametrize("name", ["min_price", "min_liquidity", "signal_timeout"])
def test_a_setting_that_cannot_be_read_rules_every_signal_out(owner: APIClient, rising: Market, name: str) -> None:
    TradingSetting.objects.filter(key=name).update(value="abc")
    outcome = generate(owner)
    assert (outcome["signal"], outcome["note"]) == (None, f"The setting {name} cannot be read.")


def test_a_symbol_below_the_least_price_gets_no_signal(owner: APIClient, rising: Market) -> None:
    TradingSetting.objects.filter(key="min_price").update(value="103.01")
    outcome = generate(owner)
    assert outcome["proposal"] is not None
    assert outcome["signal"] is None
    assert outcome["note"] == "The price is below 103.01, the setting min_price."


@pytest.mark.parametrize(
    ("volumes", "note"),
    [
        ([100_000] * 20, ""),
        ([99_999] * 20, "Only 99999 are traded in a day, less than 100000, the setting min_liquidity."),
        ([1] * 300 + [100_000] * 20, ""),  # 20 days count
        ([100_000] * 19 + [None], "How much is traded in a day is not known, and 100000 is the setting min_liquidity."),
        ([], "How much is traded in a day is not known, and 100000 is the setting min_liquidity."),
    ],
    ids=["just enough", "too little", "too little long ago", "unknown", "no candles"],
)
def test_a_symbol_that_trades_too_little_or_nobody_knows_how_much_gets_no_signal(
    owner: APIClient, rising: Market, monkeypatch: pytest.MonkeyPatch, volumes: list[int | None], note: str
) -> None:
    daily = [msgspec.structs.replace(RISING[0], volume=volume) for volume in volumes]
    read = rising.candles_of

    def candles_of(symbol: str, interval: Interval, first: object, last: object, exchange: str = "NSEEQ") -> Any:
        rising.candles = daily if interval == Interval.DAY else RISING
        return read(symbol, interval, first, last, exchange)

    monkeypatch.setattr(gateway, "candles", candles_of)
    outcome = generate(owner, interval="5m")
    assert outcome["note"] == note
    assert (outcome["signal"] is None) == bool(note)


def test_todays_volume_is_not_that_of_a_day(owner: APIClient, market: Market) -> None:
    now = clock.now()
    market.candles = [*RISING[:-1], msgspec.structs.replace(RISING[-1], time=now, volume=1)]
    assert generate(owner)["signal"] is not None


def test_without_a_least_liquidity_the_volume_does_not_matter(owner: APIClient, market: Market) -> None:
    TradingSetting.objects.filter(key="min_liquidity").update(value="0")
    market.candles = [msgspec.structs.replace(candle, volume=None) for candle in RISING]
    assert generate(owner)["signal"] is not None


@pytest.mark.usefixtures("redis_store")
def test_many_who_ask_cost_one_computation(owner: APIClient, rising: Market) -> None:
    states = [owner.post("/api/signals/generate", ASKED)["X-Cache"] for _ in range(3)]
    assert states == ["miss", "hit", "hit"]
    assert len(rising.ranges) == 1


@pytest.mark.usefixtures("redis_store")
def test_the_key_names_the_exchange_where_it_is_not_the_usual_one(owner: APIClient, rising: Market) -> None:
    generate(owner)
    generate(owner, symbol="RELIANCE", exchange="BSEEQ", interval="5m")
    for key in ("computed:signals:breakout:TCS:1d", "computed:signals:breakout:RELIANCE@BSEEQ:5m"):
        assert scan.describe([key])[0]["ttl"]


@pytest.mark.usefixtures("redis_store")
def test_a_broker_that_fails_is_reported_and_asked_again_a_moment_later(owner: APIClient, rising: Market) -> None:
    rising.failure = BrokerUnreachable("refused")
    rising.failure.ask_again_after = 0
    assert owner.post("/api/signals/generate", ASKED).status_code == 503
    rising.failure = None
    assert generate(owner)["signal"] is not None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"symbol": "NOSUCH"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "a:b"}, "symbol"),
        ({"symbol": ["TCS"]}, "symbol"),
        ({"strategy": "luck"}, "strategy"),
        ({"interval": "2d"}, "interval"),
        ({"interval": 1}, "interval"),
        ({"exchange": "NYSE"}, "exchange"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(owner: APIClient, market: Market, wrong: dict[str, Any], field: str) -> None:
    answer = owner.post("/api/signals/generate", {**ASKED, **wrong})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["detail"]) == [field]


@pytest.mark.parametrize("body", ["[]", "3", '"x"', "{}"])
def test_a_body_without_the_fields_is_refused(owner: APIClient, body: str) -> None:
    answer = owner.post("/api/signals/generate", body, content_type="application/json")
    assert answer.status_code == 400
