"""The chart's page: candles for who sees no chart, own orders and averages, and what the script works with."""

import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client

from broker import gateway
from broker.simulator import Simulator
from broker.values import Contract, Order, OrderStatus
from dashboard.views.chart import own_lines
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer, client: Client) -> Client:
    client.force_login(make_user("viewer", "broker.view_account"))
    return client


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_page_holds_the_candles_as_a_table_and_names_the_library(viewer: Client) -> None:
    answer = viewer.get("/chart/RELIANCE")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert page.count('<th scope="row" class="text">') == 60
    assert 'data-candles="/api/broker/candles/"' in page
    assert 'href="https://www.tradingview.com/"' in page
    assert "TradingView, Inc." in text_of(answer)


def test_the_library_is_served_from_its_package() -> None:
    assert finders.find("litecharts/lightweight-charts.js")


@pytest.mark.parametrize("interval", ["1m", "5m", "10m", "15m", "30m", "60m", "1d", "1w", "1mo"])
def test_there_is_a_chart_of_each_interval(viewer: Client, interval: str) -> None:
    answer = viewer.get(f"/chart/INFY?interval={interval}")
    assert f'data-interval="{interval}"' in answer.content.decode()
    assert answer.status_code == 200


def test_an_interval_that_does_not_exist_is_a_day(viewer: Client) -> None:
    assert 'data-interval="1d"' in viewer.get("/chart/INFY?interval=7h").content.decode()


def test_a_symbol_that_does_not_exist_is_404_with_a_way_home(viewer: Client) -> None:
    answer = viewer.get("/chart/NOSUCH")
    assert answer.status_code == 404
    assert "There is no chart of NOSUCH" in text_of(answer)


def test_candles_that_cannot_be_read_are_said_so(viewer: Client, simulator: Simulator) -> None:
    viewer.get("/chart/RELIANCE")
    simulator.fail("historicaldata", "503")
    answer = viewer.get("/chart/TCS?interval=30m")
    assert answer.status_code == 200
    assert re.search(r'id="chart-message"[^>]*>[^<]*cannot be reached', answer.content.decode())


def test_the_live_part_shows_price_and_own_prices(viewer: Client) -> None:
    answer = viewer.get("/live/chart?symbol=RELIANCE&exchange=NSEEQ")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'data-symbol="RELIANCE"' in page
    assert 'data-line="order"' in page
    assert 'data-line="average"' in page
    again = viewer.get("/live/chart?symbol=RELIANCE&exchange=NSEEQ", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code in (200, 304)


def order(**fields: Any) -> Order:
    values: dict[str, Any] = dict.fromkeys(Order.__struct_fields__, "")
    values |= dict.fromkeys(("filled_quantity", "average_price", "disclosed_quantity", "cancelled_quantity"))
    values |= {"quantity": 10, "pending_quantity": 10, "price": Decimal("100.00"), "trigger_price": Decimal(0)}
    values |= {"side": "BUY", "exchange": "NSEEQ", "instrument_id": "2885", "status": OrderStatus.OPEN}
    values |= {"placed_at": None, "updated_at": None}
    return Order(**values | fields)


def test_own_lines_are_open_orders_of_this_instrument_and_what_was_paid(viewer: Client) -> None:
    contract: Contract = gateway.resolve("RELIANCE")
    (holding,) = [row for row in gateway.holdings().value if row.symbol == "RELIANCE"][:1]
    orders = [
        order(),
        order(side="SELL", trigger_price=Decimal("95.00"), price=Decimal("94.00"), pending_quantity=4),
        order(status=OrderStatus.COMPLETE),
        order(instrument_id="1594"),
    ]
    lines = own_lines(contract, orders, [holding, msgspec.structs.replace(holding, average_price=None)], [])
    assert [(line.kind, line.text, line.price) for line in lines] == [
        ("order", "BUY 10 at", Decimal("100.00")),
        ("order", "SELL 4 trigger", Decimal("95.00")),
        ("order", "SELL 4 at", Decimal("94.00")),
        ("average", f"Average of {holding.held_quantity} held", holding.average_price),
    ]


def test_the_chart_is_for_who_may_see_the_account(make_user: Callable[..., User], client: Client) -> None:
    assert client.get("/chart/RELIANCE").status_code == 302
    client.force_login(make_user("stranger"))
    assert client.get("/chart/RELIANCE").status_code == 403
