"""The order ticket as a server sees it: one order a ticket, and a word about what became of it whatever happens."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis

from broker import clock
from broker.models import OrderRequest, TradingSwitch
from broker.orders import limits, switch
from broker.orders.services import OrderResult
from broker.simulator import Simulator, SimulatorOptions
from dashboard import sending
from systemcache import process_state
from tests.broker.simulator.caller import THURSDAY_AT_ELEVEN
from tests.support.clock import Clock
from tests.support.waiting import eventually
from watchlist.models import TradingSetting

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
State = OrderRequest.State

TICKET = {"symbol": "INFY", "exchange": "NSEEQ", "side": "BUY"}
RESTING = {
    "quantity": "5",
    "product": "INTRADAY",
    "order_type": "LIMIT",
    "price": "1300.00",
    "trigger_price": "",
    "market_protection_percent": "0.50",
    "validity": "DAY",
}
Moving = Clock[datetime]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Moving:
    moving = Clock(THURSDAY_AT_ELEVEN)
    monkeypatch.setattr(clock, "now", moving)
    return moving


@pytest.fixture
def exchange(settings: Settings, redis: Redis, time: Moving) -> Iterator[Simulator]:
    TradingSetting.objects.all().delete()
    settings.TRADING_ENABLED = True
    settings.ORDER_PRICE_BAND = 100
    with Simulator(SimulatorOptions(port=0, limits=False, hang=0.2), clock=time) as running:
        settings.IIFL_BASE_URL = running.base_url
        yield running


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders are sent in the thread of the request."""

    def start(user_id: int, key: str, work: sending.Work) -> Future[OrderResult]:
        done: Future[OrderResult] = Future()
        try:
            done.set_result(work(lambda: None))
        except Exception as error:  # an executor keeps any error for the caller, too
            done.set_exception(error)
        return done

    monkeypatch.setattr(sending, "start", start)


@pytest.fixture
def dealer(make_user: Callable[..., User], exchange: Simulator, client: Client) -> Client:
    client.force_login(make_user("dealer", "broker.view_account", "broker.trade"))
    return client


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def key_of(answer: Any) -> str:
    (key,) = set(re.findall(r'name="key" value="([^"]+)"', answer.content.decode()))
    return str(key)


def open_ticket(dealer: Client, **query: str) -> str:
    """Open the ticket as a page, and return its key."""
    answer = dealer.get("/orders/new", TICKET | query, follow=True)
    assert answer.status_code == 200, text_of(answer)
    return key_of(answer)


def send(dealer: Client, key: str, **values: str) -> Any:
    return dealer.post("/orders/new", {**TICKET, **RESTING, **values, "key": key, "step": "send"}, follow=True)


def placed(exchange: Simulator) -> list[Any]:
    """Calls that placed an order."""
    return [call for call in exchange.calls if call.route == "placeorder"]


# --- the form ----------------------------------------------------------------------------------------------


def test_the_form_is_filled_in_and_says_tick_and_lot(dealer: Client) -> None:
    answer = dealer.get("/orders/new", TICKET, follow=True)
    page = answer.content.decode()
    assert 'data-tick="0.05"' in page
    assert 'data-lot="1"' in page
    for name in ("quantity", "price", "product", "order_type", "validity"):
        assert f'name="{name}"' in page
    assert answer["Cache-Control"].startswith("max-age=0")


def test_the_address_of_a_ticket_holds_its_key(dealer: Client) -> None:
    first = dealer.get("/orders/new", TICKET)
    assert first.status_code == 302
    assert key_of(dealer.get(first["Location"])) == key_of(dealer.get(first["Location"]))


def test_a_dialog_gets_the_form_alone(dealer: Client) -> None:
    answer = dealer.get("/orders/new", TICKET, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "status"), [({"symbol": "NOSUCH"}, 404), ({"side": "HOLD"}, 400), ({"symbol": ""}, 400)]
)
def test_a_ticket_for_nothing_is_refused(dealer: Client, query: dict[str, str], status: int) -> None:
    answer = dealer.get("/orders/new", TICKET | query, follow=True)
    assert (answer.status_code, "There is no ticket" in text_of(answer)) == (status, True)


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"price": "1300.03"}, "price", "multiple of the tick size, 0.05"),
        ({"price": ""}, "price", "require it"),
        ({"price": "1_300"}, "price", "digits 0 to 9"),
        ({"quantity": "0"}, "quantity", "greater than or equal to 1"),
        ({"quantity": "x"}, "quantity", "whole number"),
        ({"order_type": "SL", "trigger_price": "1400"}, "trigger_price", "must be below the price"),
        ({"order_type": "MARKET", "market_protection_percent": ""}, "market_protection_percent", "above 0"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_sent(
    dealer: Client, exchange: Simulator, values: dict[str, str], field: str, sentence: str
) -> None:
    key = open_ticket(dealer)
    for step in ("review", "send"):
        answer = dealer.post("/orders/new", {**TICKET, **RESTING, **values, "key": key, "step": step})
        assert answer.status_code == 400
        assert sentence in text_of(answer)
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.content.decode())
        assert key_of(answer) == key
    assert placed(exchange) == []
    assert not OrderRequest.objects.exists()


def test_the_check_while_typing_says_what_is_wrong_and_what_it_costs(dealer: Client) -> None:
    bad = dealer.get("/orders/check", TICKET | RESTING | {"price": "1300.03"}, headers={"HX-Request": "true"})
    assert 'data-problem="price"' in bad.content.decode()
    good = dealer.get("/orders/check", TICKET | RESTING, headers={"HX-Request": "true"})
    assert "Value ₹6,500.00 Margin needed ₹" in text_of(good)


def preview_of(dealer: Client, key: str, **values: str) -> str:
    """What the check beside the form signs."""
    answer = dealer.get("/orders/check", TICKET | RESTING | values | {"key": key}, headers={"HX-Request": "true"})
    found = re.search(r'name="preview" value="([^"]+)"', answer.content.decode())
    return found[1] if found else ""


def submit(dealer: Client, key: str, preview: str, **values: str) -> Any:
    form = {**TICKET, **RESTING, **values, "key": key, "preview": preview, "step": "review"}
    return dealer.post("/orders/new", form, follow=True)


@pytest.mark.usefixtures("at_once")
def test_what_the_ticket_has_shown_is_sent_by_one_button_once(dealer: Client, exchange: Simulator) -> None:
    key = open_ticket(dealer)
    shown = dealer.get("/orders/check", TICKET | RESTING | {"key": key}, headers={"HX-Request": "true"})
    assert "BUY 5 INFY · NSEEQ · LIMIT · INTRADAY · DAY · ₹1,300.00" in text_of(shown)
    preview = preview_of(dealer, key)
    for _ in range(2):
        assert "Open: it waits" in text_of(submit(dealer, key, preview))
    assert len(placed(exchange)) == 1


@pytest.mark.parametrize("how", ["none", "made up", "other quantity", "other ticket", "old", "other user"])
def test_what_the_ticket_has_not_shown_is_shown_first(
    dealer: Client, exchange: Simulator, time: Moving, make_user: Callable[..., User], how: str
) -> None:
    key = open_ticket(dealer)
    preview = preview_of(dealer, key)
    if how == "none":
        preview = ""
    elif how == "made up":
        preview = preview[:-1] + ("A" if preview[-1] != "A" else "B")
    elif how == "other ticket":
        preview = preview_of(dealer, f"ticket-{'0' * 32}")
    elif how == "old":
        time.now += timedelta(seconds=61)
    elif how == "other user":
        dealer.force_login(make_user("other", "broker.view_account", "broker.trade"))
    answer = submit(dealer, key, preview, **({"quantity": "6"} if how == "other quantity" else {}))
    assert "This will be sent to the broker:" in text_of(answer)
    assert placed(exchange) == []


def test_what_a_cap_forbids_has_no_button_that_sends_it(dealer: Client, settings: Settings) -> None:
    settings.ORDER_MAX_VALUE = 1_000
    assert preview_of(dealer, open_ticket(dealer)) == ""


def test_a_cap_is_named_before_anything_is_sent(dealer: Client, exchange: Simulator, settings: Settings) -> None:
    settings.ORDER_MAX_VALUE = 1_000
    key = open_ticket(dealer)
    answer = dealer.post("/orders/new", {**TICKET, **RESTING, "key": key, "step": "review"})
    assert (answer.status_code, "ORDER_MAX_VALUE" in text_of(answer)) == (400, True)
    assert placed(exchange) == []


def test_the_confirmation_says_what_will_be_sent_and_what_it_costs(dealer: Client, exchange: Simulator) -> None:
    key = open_ticket(dealer)
    answer = dealer.post("/orders/new", {**TICKET, **RESTING, "key": key, "step": "review"})
    text = text_of(answer)
    assert "Order BUY 5 INFY Exchange NSEEQ Type LIMIT Product INTRADAY Validity DAY Price ₹1,300.00" in text
    assert "Value ₹6,500.00" in text
    assert "Margin needed ₹" in text
    assert "Buy 5 INFY" in text
    assert placed(exchange) == []


def test_a_confirmation_comes_without_the_margin_where_the_broker_does_not_tell_it(
    dealer: Client, exchange: Simulator
) -> None:
    exchange.fail("preordermargin", "503")
    key = open_ticket(dealer)
    answer = dealer.post("/orders/new", {**TICKET, **RESTING, "key": key, "step": "review"})
    assert answer.status_code == 200
    assert "The margin is not known" in text_of(answer)


def test_from_the_confirmation_one_comes_back_to_the_form_as_it_was(dealer: Client) -> None:
    key = open_ticket(dealer)
    answer = dealer.post("/orders/new", {**TICKET, **RESTING, "key": key, "step": "edit"})
    assert key_of(answer) == key
    assert 'value="1300.00"' in answer.content.decode()


# --- one order a ticket ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_an_order_is_sent_and_its_outcome_said(dealer: Client, exchange: Simulator) -> None:
    answer = send(dealer, open_ticket(dealer))
    assert answer.redirect_chain[0][0].startswith("/orders/sent/")
    assert "Open: it waits in the exchange's order book." in text_of(answer)
    row = OrderRequest.objects.get()
    assert (row.state, row.symbol, row.order_id in text_of(answer)) == (State.ACCEPTED, "INFY", True)
    assert row.credential.startswith("session ")


@pytest.mark.usefixtures("at_once")
def test_a_ticket_that_is_sent_again_is_one_order(dealer: Client, exchange: Simulator) -> None:
    """A double click, a reload of the answer, and another tab with the same ticket."""
    key = open_ticket(dealer)
    assert open_ticket(dealer) == key  # another tab
    for _ in range(3):
        answer = send(dealer, key)
        assert "Open: it waits" in text_of(answer)
    assert len(placed(exchange)) == 1
    assert OrderRequest.objects.count() == 1


@pytest.mark.usefixtures("at_once")
def test_a_ticket_that_was_sent_leads_to_its_outcome(dealer: Client, exchange: Simulator) -> None:
    """Who goes back to the form, or reloads it, sees what became of it instead."""
    address = dealer.get("/orders/new", TICKET)["Location"]
    send(dealer, key_of(dealer.get(address)))
    answer = dealer.get(address, follow=True)
    assert "Open: it waits" in text_of(answer)
    review = dealer.post(
        "/orders/new", {**TICKET, **RESTING, "key": address.rpartition("key=")[2], "step": "review"}, follow=True
    )
    assert "Open: it waits" in text_of(review)
    assert len(placed(exchange)) == 1


@pytest.mark.usefixtures("at_once")
def test_other_values_under_a_ticket_that_was_sent_are_refused(dealer: Client, exchange: Simulator) -> None:
    key = open_ticket(dealer)
    send(dealer, key)
    answer = send(dealer, key, quantity="6")
    assert "sent already, with other values" in text_of(answer)
    assert len(placed(exchange)) == 1


@pytest.mark.usefixtures("at_once")
def test_the_next_ticket_is_another_order(dealer: Client, exchange: Simulator) -> None:
    first = open_ticket(dealer)
    send(dealer, first)
    second = open_ticket(dealer)
    assert second != first
    send(dealer, second)
    assert len(placed(exchange)) == 2


def test_a_key_that_no_ticket_has_is_refused(dealer: Client, exchange: Simulator) -> None:
    assert send(dealer, "something else").status_code == 400
    assert placed(exchange) == []


# --- what became of it -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_a_lost_answer_is_found_in_the_book(dealer: Client, exchange: Simulator) -> None:
    exchange.fail("placeorder", "drop", times=1)
    key = open_ticket(dealer)
    assert "Open: it waits" in text_of(send(dealer, key))
    assert "Open: it waits" in text_of(send(dealer, key))
    assert len(placed(exchange)) == 1


@pytest.mark.usefixtures("at_once")
def test_an_unknown_outcome_is_said_to_be_unknown_until_the_book_proves_something(
    dealer: Client, exchange: Simulator, time: Moving
) -> None:
    exchange.fail("placeorder", "drop:before", times=1)
    key = open_ticket(dealer)
    answer = send(dealer, key)
    address = answer.redirect_chain[-1][0]
    text = text_of(answer)
    assert "It is not known what became of the order." in text
    assert "Do not send it again before that is certain" in text
    assert "Try again" not in text
    assert "not known yet what became of an order of yours" in text_of(dealer.get("/orders/new", TICKET, follow=True))
    time.now += timedelta(seconds=70)
    process_state.reset()  # as for another process, which has not read the book just now
    assert "The order had no effect." in text_of(dealer.get(address))
    assert len(placed(exchange)) == 1


@pytest.mark.usefixtures("at_once")
def test_an_order_that_was_certainly_not_sent_is_tried_again_under_the_same_key(
    dealer: Client, exchange: Simulator
) -> None:
    exchange.fail("placeorder", "429", times=1)
    answer = send(dealer, open_ticket(dealer))
    assert "The order was not sent. This is certain." in text_of(answer)
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode()))
    again = dealer.post("/orders/new", fields, follow=True)
    assert "Open: it waits" in text_of(again)
    assert OrderRequest.objects.count() == 1


@pytest.mark.usefixtures("at_once")
def test_a_refusal_is_said_in_the_brokers_words(dealer: Client, exchange: Simulator) -> None:
    exchange.fail("placeorder", "EC920", times=1)
    assert "The broker refused the order." in text_of(send(dealer, open_ticket(dealer)))


@pytest.mark.usefixtures("at_once")
def test_trading_that_is_not_open_is_said_and_nothing_is_sent(dealer: Client, exchange: Simulator) -> None:
    key = open_ticket(dealer)
    switch.turn(TradingSwitch.State.HALTED, user_id=User.objects.get().pk, reason="a storm")
    form = dealer.get("/orders/new", TICKET, follow=True)
    assert "Trading is halted by dealer (a storm)" in text_of(form)
    assert "Trading is halted" in text_of(send(dealer, key))
    assert placed(exchange) == []


@pytest.mark.usefixtures("at_once")
def test_rights_are_asked_of_the_database(dealer: Client, exchange: Simulator) -> None:
    key = open_ticket(dealer)
    User.objects.get().user_permissions.clear()
    assert send(dealer, key).status_code == 403
    assert placed(exchange) == []


def test_a_viewer_gets_no_ticket(make_user: Callable[..., User], exchange: Simulator, client: Client) -> None:
    client.force_login(make_user("viewer", "broker.view_account"))
    assert client.get("/orders/new", TICKET).status_code == 403
    assert send(client, "ticket-" + "0" * 32).status_code == 403


def test_an_outcomes_address_cannot_be_made_up(dealer: Client) -> None:
    assert dealer.get("/orders/sent/ticket-0.0:abc").status_code == 404


# --- changing an order -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_an_open_order_is_changed(dealer: Client, exchange: Simulator) -> None:
    send(dealer, open_ticket(dealer))
    number = OrderRequest.objects.get().order_id
    form = dealer.get(f"/orders/{number}/change", follow=True)
    assert 'value="1300.00"' in form.content.decode()
    data = {**RESTING, "quantity": "7", "key": key_of(form)}
    review = dealer.post(f"/orders/{number}/change", {**data, "step": "review"})
    assert "Order BUY 7 INFY" in text_of(review)
    for _ in range(2):
        answer = dealer.post(f"/orders/{number}/change", {**data, "step": "send"}, follow=True)
        assert "The broker has taken the change." in text_of(answer)
        assert "0 of 7" in text_of(answer)
    row = OrderRequest.objects.get(action="change")
    assert row.asked == {"quantity": 7}


@pytest.mark.usefixtures("at_once")
def test_a_change_that_changes_nothing_is_not_sent(dealer: Client, exchange: Simulator) -> None:
    send(dealer, open_ticket(dealer))
    number = OrderRequest.objects.get().order_id
    key = key_of(dealer.get(f"/orders/{number}/change", follow=True))
    answer = dealer.post(f"/orders/{number}/change", {**RESTING, "key": key, "step": "review"})
    assert (answer.status_code, "Nothing is changed yet." in text_of(answer)) == (400, True)


def test_an_unknown_order_cannot_be_changed(dealer: Client) -> None:
    assert dealer.get("/orders/999/change").status_code == 404


# --- beside the request ------------------------------------------------------------------------------------


def test_a_broker_that_hangs_keeps_nobody_waiting(
    dealer: Client, exchange: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's test database is in memory and serves one thread")
    monkeypatch.setattr(sending, "WAIT", 0.2)
    exchange.fail("placeorder", "slow:3000", times=1)
    key = open_ticket(dealer)
    answer = send(dealer, key)
    address = answer.redirect_chain[-1][0]
    assert "The order is sent. The broker has not answered yet." in text_of(answer) or "waits for its turn" in text_of(
        answer
    )
    eventually(lambda: "Open: it waits" in text_of(dealer.get(address)))
    assert len(placed(exchange)) == 1


def test_an_order_whose_checks_take_too_long_is_not_sent(
    dealer: Client, exchange: Simulator, time: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's test database is in memory and serves one thread")

    def slow(*_: object, **__: object) -> None:
        time.now += timedelta(seconds=30)

    monkeypatch.setattr(limits, "require_within_caps", slow)
    answer = send(dealer, open_ticket(dealer))
    assert "its checks took longer than 20 s" in text_of(answer)
    assert placed(exchange) == []
    assert not OrderRequest.objects.exists()
