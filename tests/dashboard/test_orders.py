"""Cancelling and exiting on the pages, without a script: confirmed first, sent once, by whoever may."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django.fixtures import Settings

from broker import gateway
from broker.models import OrderRequest, TradingSwitch
from broker.simulator import Simulator, SimulatorOptions
from broker.values import OrderStatus
from tests.dashboard.page import Form, Page, Person
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulator]:
    """A simulator of this test's own, whose account nobody else trades on."""
    with Simulator(SimulatorOptions(port=0, limits=False)) as running:
        settings.IIFL_BASE_URL = running.base_url
        yield running


@pytest.fixture
def trader(
    make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer, settings: Settings
) -> Person:
    settings.TRADING_ENABLED, settings.REQUIRE_TOTP_FOR = True, ()
    user = make_user("trader", *TRADER)
    client = Client()
    client.force_login(user)
    return Person(client, user)


TRADER = ("broker.view_account", "broker.trade")


def sent(simulator: Simulator, verb: str) -> list[str]:
    """What the broker was told to do to its orders."""
    return [call.path for call in simulator.calls if call.method == verb and "/orders" in call.path]


def form_of(page: Page, beginning: str) -> Form:
    return next(form for form in page.forms if form.address.startswith(beginning))


def opened(person: Person, form: Form) -> Page:
    """The confirmation that a form without a script leads to."""
    answer = person.client.get(form.address, dict(form.fields), headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return Page(answer.content.decode())


def open_order(person: Person) -> str:
    rows = person.page("/orders").rows
    return next(row.attributes["data-order"] for row in rows if row.cells.get("status") == "open")


# --- cancelling --------------------------------------------------------------------------------------------


def test_open_orders_come_first_the_latest_first_and_a_rejected_one_says_why(trader: Person) -> None:
    orders = {order.order_id: order for order in gateway.orders().value}
    page = trader.page("/orders")
    shown = [orders[row.attributes["data-order"]] for row in page.rows[: len(orders)]]  # trades follow
    assert len({order.order_id for order in shown}) == len(orders)
    finals = [order.status.is_final for order in shown]
    assert finals == sorted(finals)
    for final in (False, True):
        times = [order.placed_at for order in shown if order.placed_at and order.status.is_final is final]
        assert len(times) > 1
        assert times == sorted(times, reverse=True)
    (rejected,) = [order for order in shown if order.status == OrderStatus.REJECTED]
    assert rejected.rejection_reason
    assert rejected.rejection_reason in page.text


def test_an_order_is_cancelled_after_a_confirmation_that_names_it(trader: Person, simulator: Simulator) -> None:
    number = open_order(trader)
    button = form_of(trader.page("/orders"), f"/orders/{number}/cancel")
    assert button.buttons[0].startswith("Cancel")
    asked = opened(trader, button)
    assert number in asked.text
    assert sent(simulator, "DELETE") == []
    after = trader.send(form_of(asked, f"/orders/{number}/cancel"))
    assert f"cancellation of order {number} is with the broker" in after.text
    assert len(sent(simulator, "DELETE")) == 1
    assert next(row for row in after.rows if row.attributes["data-order"] == number).cells["status"] == "cancelled"


def test_a_confirmation_that_is_sent_twice_cancels_once(trader: Person, simulator: Simulator) -> None:
    number = open_order(trader)
    asked = opened(trader, form_of(trader.page("/orders"), f"/orders/{number}/cancel"))
    for _ in range(2):
        trader.send(form_of(asked, f"/orders/{number}/cancel"))
    assert len(sent(simulator, "DELETE")) == 1


def test_an_order_is_cancelled_without_its_book_and_while_trading_is_halted(
    trader: Person, simulator: Simulator
) -> None:
    number = open_order(trader)
    TradingSwitch.objects.create(state="halted", user=trader.user, since="2026-01-05T10:00:00+05:30")
    simulator.fail("orders", "500")
    answer = trader.client.get(f"/orders/{number}/cancel")
    after = trader.send(form_of(Page(answer.content.decode()), f"/orders/{number}/cancel"))
    assert "is with the broker" in after.text
    assert len(sent(simulator, "DELETE")) == 1


def test_all_open_orders_are_cancelled_and_named_before(trader: Person, simulator: Simulator) -> None:
    page = trader.page("/orders")
    numbers = {form.address.split("/")[2] for form in page.forms if form.address.endswith("/cancel")} - {"cancel"}
    asked = opened(trader, form_of(page, "/orders/cancel"))
    assert numbers
    assert all(number in asked.text for number in numbers)
    trader.send(form_of(asked, "/orders/cancel"))
    assert len(sent(simulator, "DELETE")) == len(numbers)
    assert "There is no open order." in opened(trader, Form({"action": "/orders/cancel"})).text


# --- exiting -----------------------------------------------------------------------------------------------


def test_a_position_is_closed_by_the_order_that_was_confirmed(trader: Person, simulator: Simulator) -> None:
    page = trader.page("/positions")
    held = int(page.row("SBIN").cells["net_quantity"])
    asked = opened(trader, next(form for form in page.forms if "Exit…" in form.buttons))
    assert f"SELL {held}" in asked.text
    after = trader.send(form_of(asked, "/positions/exit"))
    assert f"SELL {held} SBIN: order" in after.text
    request = OrderRequest.objects.get()
    assert (request.symbol, request.asked["side"], request.asked["quantity"]) == ("SBIN", "SELL", held)
    assert request.credential.startswith("session ")
    assert trader.page("/positions").row("SBIN").cells["net_quantity"] == "0"


def test_a_form_that_is_sent_again_does_not_exit_again(trader: Person, simulator: Simulator) -> None:
    asked = opened(trader, next(form for form in trader.page("/positions").forms if "Exit…" in form.buttons))
    for _ in range(3):
        after = trader.send(form_of(asked, "/positions/exit"))
    assert "is with the broker" in after.text
    assert len(sent(simulator, "POST")) == 1


def test_a_position_that_has_changed_since_is_confirmed_anew(trader: Person, simulator: Simulator) -> None:
    page = trader.page("/positions")
    asked = opened(trader, next(form for form in page.forms if "Exit…" in form.buttons))
    again = opened(trader, next(form for form in page.forms if "Exit…" in form.buttons))
    trader.send(form_of(asked, "/positions/exit"))
    after = trader.send(form_of(again, "/positions/exit"))
    assert "closed already" in after.text
    assert len(sent(simulator, "POST")) == 1


def test_all_positions_are_squared_off_after_each_is_named(trader: Person, simulator: Simulator) -> None:
    page = trader.page("/positions")
    symbols = {row.attributes["data-symbol"] for row in page.rows if row.cells["net_quantity"] != "0"}
    asked = opened(trader, form_of(page, "/positions/exit-all"))
    assert all(symbol in asked.text for symbol in symbols)
    trader.send(form_of(asked, "/positions/exit-all"))
    assert len(sent(simulator, "POST")) == len(symbols)
    assert {row.cells["net_quantity"] for row in trader.page("/positions").rows} == {"0"}


@pytest.mark.parametrize("state", ["cancel_only", "halted"])
def test_while_trading_is_not_open_exits_are_off_and_the_page_says_why(trader: Person, state: str) -> None:
    TradingSwitch.objects.create(state=state, user=trader.user, since="2026-01-05T10:00:00+05:30", reason="results")
    page = trader.page("/positions")
    assert "results" in page.text
    exits = [form for form in page.forms if "exit" in form.address]
    assert exits
    assert all(form.disabled for form in exits)
    asked = opened(trader, next(form for form in exits if "Exit…" in form.buttons))
    assert form_of(asked, "/positions/exit").disabled
    after = trader.send(form_of(asked, "/positions/exit"))
    assert "Orders can be cancelled, but not placed" in after.text
    assert not OrderRequest.objects.exists()


def test_an_order_without_an_answer_is_asked_for_again_and_not_sent_again(trader: Person, simulator: Simulator) -> None:
    asked = opened(trader, next(form for form in trader.page("/positions").forms if "Exit…" in form.buttons))
    simulator.fail("placeorder", "drop")
    simulator.fail("orders", "500")
    again = trader.send(form_of(asked, "/positions/exit"))
    assert "Ask what became of it" in again.text
    simulator.clear_faults()
    after = trader.send(form_of(again, "/positions/exit"))
    assert len(sent(simulator, "POST")) == 1
    assert OrderRequest.objects.count() == 1
    assert after.text


# --- rights ------------------------------------------------------------------------------------------------


def test_who_may_not_trade_sees_no_button_and_sends_nothing(trader: Person, simulator: Simulator) -> None:
    number = open_order(trader)
    asked = opened(trader, form_of(trader.page("/orders"), f"/orders/{number}/cancel"))
    trader.user.user_permissions.clear()
    trader.user.groups.set([Group.objects.get(name="viewer")])
    page = trader.page("/orders")
    assert [form for form in page.forms if "cancel" in form.address] == []
    assert "status 403" not in page.text
    answer = trader.client.post(f"/orders/{number}/cancel", dict(form_of(asked, f"/orders/{number}/cancel").fields))
    assert answer.status_code == 403
    assert sent(simulator, "DELETE") == []


def test_a_form_from_elsewhere_is_refused(trader: Person, simulator: Simulator) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(trader.user)
    assert client.post("/orders/cancel", {"key": "0" * 32, "order": "1"}).status_code == 403
    assert trader.client.post("/orders/cancel", {"order": "1"}).status_code == 302  # without its key
    assert trader.client.post("/positions/exit", {"exit": "NSEEQ|1|INTRADAY|SELL|x"}).status_code == 302
    assert sent(simulator, "DELETE") == sent(simulator, "POST") == []
