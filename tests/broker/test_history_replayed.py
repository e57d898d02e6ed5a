"""Fifty daily series: any range that is asked for equals the files, cold or warm, and while some calls fail."""

import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from broker import gateway
from broker.errors import BrokerError
from broker.simulator import Simulator, SimulatorOptions
from broker.values import Candle, Interval
from systemcache.fetching import source
from tests.support.market_data import rows_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

SEED = random.SystemRandom().randrange(10**6)
SERIES, QUICK = 50, 12
TRIES = 20


@pytest.fixture
def files(market_data: Path) -> list[Path]:
    return sorted((market_data / "candles_daily").glob("*.csv"))


def contract(number: int, symbol: str) -> dict[str, object]:
    """Some of the fifty are listed no more: no contract file of today has them all."""
    return {
        "exchange": "NSEEQ",
        "underlyingInstrumentSymbol": symbol,
        "underlyingInstrumentName": symbol,
        "instrumentId": str(number),
        "instrumentType": "EQUITY",
        "optionType": "XX",
        "strikePrice": "0",
        "tradingSymbol": f"{symbol}-EQ",
        "formattedInstrumentName": symbol,
        "expiry": "",
        "lotSize": "1",
        "tickSize": "0.05",
    }


@pytest.fixture
def market(files: list[Path], tmp_path: Path, settings: Settings) -> Iterator[Simulator]:
    contracts = tmp_path / "NSEEQ.json"
    contracts.write_text(json.dumps([contract(number, file.stem) for number, file in enumerate(files, 1)]))
    options = SimulatorOptions(port=0, limits=False, data=files[0].parent, contracts=contracts, seed=SEED)
    with Simulator(options) as running:
        settings.IIFL_BASE_URL = running.base_url
        yield running


def asked_for(market: Simulator) -> int:
    return sum(call.route == "historicaldata" for call in market.calls)


def row_of(candle: Candle) -> tuple[object, ...]:
    return str(candle.time.date()), candle.open, candle.high, candle.low, candle.close, candle.volume


def candles(symbol: str, first: str, last: str) -> list[tuple[object, ...]]:
    """As a caller gets them who asks again when the broker has failed."""
    for _ in range(TRIES):
        try:
            found = gateway.candles(symbol, Interval.DAY, date.fromisoformat(first), date.fromisoformat(last))
        except BrokerError:
            source.failures.clear()  # as if the moment were over for which it is left alone
            continue
        return [row_of(candle) for candle in found.value]
    pytest.fail("the broker has never answered")


@pytest.mark.parametrize("number", [QUICK, pytest.param(SERIES, marks=pytest.mark.slow)])
def test_series_equal_their_files_for_random_ranges_while_calls_fail(
    market: Simulator, files: list[Path], number: int
) -> None:
    print("seed", SEED)  # shown when the test fails
    chance = random.Random(SEED)
    assert len(files) == SERIES
    market.fail("historicaldata", "503", rate=0.03)
    for file in chance.sample(files, number):
        rows = rows_of(file)
        first, last = sorted(chance.sample(range(len(rows)), 2))
        assert candles(file.stem, rows[first][0], rows[last][0]) == rows[first : last + 1], file.stem
        cold = asked_for(market)
        for _ in range(4):
            inner_first, inner_last = sorted((chance.randint(first, last), chance.randint(first, last)))
            wanted = rows[inner_first : inner_last + 1]
            assert candles(file.stem, wanted[0][0], wanted[-1][0]) == wanted, file.stem
        assert asked_for(market) == cold, f"{file.stem}: a warm range was asked for"
        assert candles(file.stem, rows[0][0], rows[-1][0]) == rows, file.stem
