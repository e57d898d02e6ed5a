"""The live part of a page: not sent again while nothing has changed, and honest about what is wrong."""

from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from broker.models import BrokerSession, TradingSwitch
from broker.simulator import Simulator
from systemcache import clock
from systemcache.invalidation import clear
from systemcache.storage.breaker import breaker
from tests.dashboard.page import Page, Person
from watchlist.models import WatchlistItem

pytestmark = pytest.mark.django_db

NAMES = ("watchlist", "holdings", "positions", "orders")
POLL = {"HX-Request": "true"}


def live(person: Person, name: str = "holdings") -> Page:
    answer = person.get(f"/live/{name}", **POLL)
    assert answer.status_code == 200
    return Page(answer.content.decode())


@pytest.mark.parametrize("name", NAMES)
def test_what_has_not_changed_is_not_sent_again(trader: Person, name: str) -> None:
    WatchlistItem.objects.create(symbol="INFY")
    person_page = trader.get(f"/live/{name}", **POLL)
    again = trader.get(f"/live/{name}", **POLL, **{"If-None-Match": person_page["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == person_page["ETag"]
    assert person_page["Cache-Control"] == "private, no-cache"


def test_a_change_is_sent(trader: Person) -> None:
    WatchlistItem.objects.create(symbol="INFY")
    first = trader.get("/live/watchlist", **POLL)
    WatchlistItem.objects.update(notes="new")
    second = trader.get("/live/watchlist", **POLL, **{"If-None-Match": first["ETag"]})
    assert second.status_code == 200
    assert Page(second.content.decode()).row("INFY").cells["notes"] == "new"


def test_a_page_that_the_stream_brings_prices_is_not_sent_them_by_the_poll(
    trader: Person, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    WatchlistItem.objects.create(symbol="INFY")
    monkeypatch.setattr(clock, "timestamp", lambda: 1_767_585_615.0)
    first = trader.get("/live/watchlist?streamed=1", **POLL)
    clear.invalidate("quotes")
    monkeypatch.setattr(clock, "timestamp", lambda: 1_767_585_617.0)
    again = {"If-None-Match": first["ETag"], **POLL}
    assert trader.get("/live/watchlist?streamed=1", **again).status_code == 304
    WatchlistItem.objects.update(notes="new")
    assert trader.get("/live/watchlist?streamed=1", **again).status_code == 200


def test_another_order_of_rows_and_another_reader_are_another_answer(trader: Person, viewer: Person) -> None:
    tags = {
        trader.get("/live/orders", **POLL)["ETag"],
        trader.get("/live/orders?sort=price&order=desc", **POLL)["ETag"],
        viewer.get("/live/orders", **POLL)["ETag"],
    }
    assert len(tags) == 3


def test_the_live_part_is_the_pages_own(trader: Person) -> None:
    page = trader.get("/positions").content.decode()
    part = trader.get("/live/positions", **POLL).content.decode()
    assert part.strip() in page


# --- what is wrong -----------------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_said_and_nothing_is_made_up(trader: Person, simulator: Simulator) -> None:
    simulator.fail("all", "500")
    for name in NAMES:
        page = live(trader, name)
        assert "The broker cannot be reached" in page.text
        assert set(page.summary.values()) == {"—"}
    assert "not known now" in live(trader, "positions").text


def test_a_broker_that_is_away_is_said_beside_what_was_read_before(
    trader: Person, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(trader)
    simulator.fail("all", "500")
    later = clock.timestamp() + 3
    monkeypatch.setattr(clock, "timestamp", lambda: later)
    page = live(trader)
    assert "The broker does not answer" in page.text
    assert "Since" in page.text
    assert page.rows


def test_old_holdings_say_of_when_they_are(
    trader: Person, simulator: Simulator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHE_TTLS = settings.CACHE_TTLS | {"holdings": 1}
    live(trader)
    simulator.fail("holdings", "500")
    later = clock.timestamp() + 90
    monkeypatch.setattr(clock, "timestamp", lambda: later)
    page = live(trader)
    assert "the broker has not answered since" in page.text
    assert "stale" in page.text
    assert page.rows


def test_a_broker_session_that_is_over_has_one_big_button(
    trader: Person, person: Callable[..., Person], settings: Settings
) -> None:
    settings.IIFL_SIMULATED, settings.REQUIRE_TOTP_FOR = False, ()
    BrokerSession.objects.all().delete()
    page = live(trader)
    assert "The broker session is over" in page.text
    assert 'href="/broker/login"' in page.html
    reader = person("broker.view_account")
    page = live(reader)
    assert "Ask somebody who may log in to the broker" in page.text
    assert 'href="/broker/login"' not in page.html


def test_a_halt_is_said_with_its_reason(trader: Person) -> None:
    before = trader.get("/live/orders", **POLL)
    TradingSwitch.objects.create(state="halted", user=trader.user, since="2026-01-05T10:00:00+05:30", reason="a test")
    after = trader.get("/live/orders", **POLL, **{"If-None-Match": before["ETag"]})
    assert after.status_code == 200
    text = Page(after.content.decode()).text
    assert "Trading is halted" in text
    assert "(a test)" in text
    assert "Orders can be cancelled" in text


def test_without_redis_the_page_says_so_and_goes_on(trader: Person, simulator: Simulator) -> None:
    breaker.failed("a test")
    page = live(trader)
    assert "The cache (Redis) is away" in page.text
    assert page.rows


def test_a_right_that_is_taken_away_ends_the_polling(trader: Person) -> None:
    assert trader.get("/live/orders", **POLL).status_code == 200
    trader.user.groups.clear()
    assert trader.get("/live/orders", **POLL).status_code == 403
    trader.client.logout()
    answer = trader.get("/live/orders", **POLL)
    assert answer.status_code == 401
    assert "Log in again" in answer.content.decode()
