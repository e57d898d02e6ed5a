"""The admin's pages for the watchlist, signals and settings."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from broker.clock import IST
from broker.errors import BrokerUnreachable
from tests.watchlist.conftest import Market, contract
from watchlist.models import Signal, TradingSetting, WatchlistItem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("default_settings", "market")]

ITEMS, SIGNALS, SETTINGS = (f"/admin/watchlist/{model}/" for model in ("watchlistitem", "signal", "tradingsetting"))


@pytest.fixture(autouse=True)
def own_setting(db: None) -> None:
    """A setting of the operator's own, for a program of theirs: a switch."""
    setting = TradingSetting(key="notify", kind="boolean", value="false", description="A switch.")
    plain: QuerySet[TradingSetting] = QuerySet(TradingSetting)  # the cache is not to see a write of the test's
    plain.bulk_create([setting])


@pytest.fixture
def admin(admin_user: User, client: Client) -> Client:
    client.force_login(admin_user)
    return client


def act(admin: Client, page: str, action: str, *rows: Any) -> str:
    """Runs an action on rows; returns what the page says afterwards."""
    body = {"action": action, "_selected_action": [row.pk for row in rows]}
    answer = admin.post(page, body, follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


@pytest.mark.parametrize("page", [ITEMS, SIGNALS, SETTINGS])
def test_lists_searches_and_forms_open(admin: Client, page: str) -> None:
    WatchlistItem.objects.create(pk=1, symbol="TCS")
    Signal.objects.create(pk=1, symbol="TCS", signal_type="buy", status="approved")
    setting = TradingSetting.objects.first()
    assert setting is not None
    number = setting.pk if page == SETTINGS else 1
    for path in (page, f"{page}?q=x", f"{page}add/", f"{page}{number}/change/", f"{page}{number}/history/"):
        assert admin.get(path).status_code == 200


def test_a_symbol_is_kept_as_the_contract_file_writes_it(admin: Client) -> None:
    admin.post(f"{ITEMS}add/", {"symbol": "tcs-eq", "exchange": "NSEEQ", "category": "hold", "is_active": "on"})
    assert WatchlistItem.objects.get().symbol == "TCS"


def test_an_unknown_symbol_is_a_form_error(admin: Client) -> None:
    answer = admin.post(f"{ITEMS}add/", {"symbol": "NOSUCH", "exchange": "NSEEQ", "category": "hold"})
    assert "NOSUCH" in errors(answer)["symbol"][0]


def test_a_broker_that_is_away_is_a_form_error(admin: Client, market: Market) -> None:
    market.failure = BrokerUnreachable("refused")
    for page, more in ((ITEMS, {"category": "hold"}), (SIGNALS, {"signal_type": "buy", "extras": "{}"})):
        answer = admin.post(f"{page}add/", {"symbol": "TCS", "exchange": "NSEEQ", **more})
        assert "cannot be reached" in errors(answer)["symbol"][0]


def test_the_broker_is_not_asked_about_a_symbol_that_stays(admin: Client, market: Market) -> None:
    item = WatchlistItem.objects.create(symbol="TCS", category="hold")
    market.failure = BrokerUnreachable("refused")
    body = {"symbol": "TCS", "exchange": "NSEEQ", "category": "long_term", "is_active": "on"}
    assert admin.post(f"{ITEMS}{item.pk}/change/", body).status_code == 302
    assert market.lookups == []


def test_a_duplicate_is_a_form_error(admin: Client) -> None:
    WatchlistItem.objects.create(symbol="TCS", category="hold")
    answer = admin.post(f"{ITEMS}add/", {"symbol": "tcs", "exchange": "NSEEQ", "category": "hold"})
    assert errors(answer)["__all__"] == ["This symbol is in this category already."]


def test_items_are_switched_and_edited_in_the_list(admin: Client) -> None:
    item = WatchlistItem.objects.create(symbol="TCS")
    assert act(admin, ITEMS, "deactivate", item) == "1 deactivated."
    assert act(admin, ITEMS, "activate", item) == "1 activated."
    body = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": item.pk, "form-0-target_price": "5"}
    assert admin.post(ITEMS, {**body, "_save": "Save"}).status_code == 302
    item.refresh_from_db()
    assert (item.is_active, item.target_price) == (False, Decimal(5))


@pytest.mark.parametrize("category", ["long_term", "short_term", "day_trading", "hold"])
def test_items_are_moved_and_those_that_cannot_are_counted(admin: Client, category: str) -> None:
    others = [name for name in ("long_term", "short_term", "hold") if name != category][:2]
    twins = [WatchlistItem.objects.create(symbol="TCS", category=other) for other in others]
    single = WatchlistItem.objects.create(symbol="INFY", category=others[0])
    said = act(admin, ITEMS, f"move_to_{category}", *twins, single)
    assert said == f"2 moved to {category.replace('_', ' ')}, 1 skipped."
    assert sorted(WatchlistItem.objects.filter(category=category).values_list("symbol", flat=True)) == ["INFY", "TCS"]


def cells(admin: Client, column: str, page: str = ITEMS) -> list[str]:
    """A column of a list, as a reader sees it."""
    shown = admin.get(page).content.decode()
    found = re.findall(rf'<td class="field-{column}[^"]*">(.*?)</td>', shown)
    return [re.sub(r"<[^>]+>", "", cell) for cell in found]


def test_the_list_shows_prices_with_their_own_time(
    admin: Client, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.quoted = {"TCS": Decimal("3456.7"), "INFY": Decimal(1500)}
    for symbol in ("TCS", "INFY", "SBIN", "NOSUCH"):
        WatchlistItem.objects.create(symbol=symbol)
    time = datetime(2026, 11, 27, 15, 30, tzinfo=IST)
    market.quoted_at = {"INFY": time, "TCS": time - timedelta(days=30)}
    monkeypatch.setattr(timezone, "now", lambda: time + timedelta(days=2, hours=3))
    assert cells(admin, "price") == ["1,500.00 as of Fri 15:30", "-", "-", "3,456.70 as of 28 Oct 2026"]
    assert [sorted(batch) for batch in market.batches] == [["INFY", "SBIN", "TCS"]]


def test_a_symbol_in_two_categories_is_asked_for_once(admin: Client, market: Market) -> None:
    for category in ("hold", "long_term"):
        WatchlistItem.objects.create(symbol="TCS", category=category)
    market.quoted = {"TCS": Decimal(1)}
    assert [cell[:11] for cell in cells(admin, "price")] == ["1.00 as of "] * 2
    assert market.batches == [["TCS"]]


def test_only_the_pages_own_rows_are_asked_for(admin: Client, market: Market) -> None:
    for number in range(60):
        market.add(contract(f"S{number:02}"))
        WatchlistItem.objects.create(symbol=f"S{number:02}")
    assert len(cells(admin, "price")) == len(market.batches[0]) == 50
    admin.get(f"{ITEMS}?p=2")
    assert len(market.batches[1]) == 10


def test_a_broker_that_is_away_costs_the_prices_and_not_the_page(admin: Client, market: Market) -> None:
    WatchlistItem.objects.create(symbol="TCS")
    market.failure = BrokerUnreachable("refused")
    assert cells(admin, "price") == ["unavailable"]


def test_a_write_in_the_list_asks_for_no_price(admin: Client, market: Market) -> None:
    item = WatchlistItem.objects.create(symbol="TCS")
    admin.post(ITEMS, {"action": "deactivate", "_selected_action": [item.pk]})
    assert market.batches == []


@pytest.mark.parametrize(("chosen", "number"), [("rsi", 1), ("-", 2), ("sma_cross", 0)])
def test_signals_are_filtered_by_strategy_or_as_made_by_hand(admin: Client, chosen: str, number: int) -> None:
    Signal.objects.create(symbol="TCS", signal_type="buy", strategy="rsi")
    for symbol in ("TCS", "INFY"):
        Signal.objects.create(symbol=symbol, signal_type="buy")
    assert len(cells(admin, "current_status", f"{SIGNALS}?strategy={chosen}")) == number


def test_fields_in_the_list_are_named_for_screen_readers(admin: Client) -> None:
    WatchlistItem.objects.create(symbol="TCS", category="hold")
    assert 'aria-label="TCS on NSEEQ (Hold): Target price"' in admin.get(ITEMS).content.decode()


@pytest.mark.parametrize(("price", "shown"), [("2400", "2,400.00"), ("83.0525", "83.0525"), ("7.5", "7.50")])
def test_prices_have_two_places_or_as_many_as_there_are(admin: Client, price: str, shown: str) -> None:
    Signal.objects.create(symbol="TCS", signal_type="buy", price=Decimal(price), confidence=Decimal("0.8"))
    assert cells(admin, "proposed_price", SIGNALS) == [shown]
    assert cells(admin, "confidence_percent", SIGNALS) == ["80%"]


def test_moments_of_other_years_carry_their_year(admin: Client) -> None:
    for created_at in (timezone.now().replace(year=2021, month=3, day=2, hour=6, minute=30), timezone.now()):
        signal = Signal.objects.create(symbol="TCS", signal_type="buy")
        Signal.objects.filter(pk=signal.pk).update(created_at=created_at)
    recent, old = cells(admin, "created", SIGNALS)
    assert old == "2 Mar 2021"
    assert re.fullmatch(r"\d+ \w{3}, \d\d:\d\d", recent)


def test_a_late_signal_says_so(admin: Client) -> None:
    Signal.objects.create(symbol="TCS", signal_type="buy", expires_at=timezone.now() - timedelta(1))
    assert cells(admin, "current_status", SIGNALS) == ["Pending, too late to approve"]


@pytest.mark.parametrize(("key", "help_text"), [("notify", "true or false"), ("max_daily_loss", "0.05 is 5 %")])
def test_a_settings_form_says_what_it_may_hold(admin: Client, key: str, help_text: str) -> None:
    setting = TradingSetting.objects.get(key=key)
    assert help_text in admin.get(f"{SETTINGS}{setting.pk}/change/").content.decode()


def test_signals_are_decided_on_where_they_may_be(admin: Client) -> None:
    pending = Signal.objects.create(symbol="TCS", signal_type="buy")
    executed = Signal.objects.create(symbol="TCS", signal_type="buy", status="executed")
    late = Signal.objects.create(symbol="TCS", signal_type="buy", expires_at=timezone.now() - timedelta(1))
    said = act(admin, SIGNALS, "approve", pending, executed, late)
    assert said.startswith("1 approved, 2 skipped.")
    assert "Approving places no order" in said
    assert act(admin, SIGNALS, "reject", late) == "1 rejected."
    pending.refresh_from_db()
    assert pending.approved_at is not None


def test_a_strategys_second_pending_signal_is_a_form_error(admin: Client) -> None:
    body = {"symbol": "TCS", "exchange": "NSEEQ", "signal_type": "buy", "strategy": "rsi", "extras": "{}"}
    assert admin.post(f"{SIGNALS}add/", body).status_code == 302
    assert "__all__" in errors(admin.post(f"{SIGNALS}add/", body))


@pytest.mark.parametrize("extras", ["", "[]", "{}"])
def test_empty_extras_are_an_empty_object(admin: Client, extras: str) -> None:
    body = {"symbol": "TCS", "exchange": "NSEEQ", "signal_type": "buy", "extras": extras}
    assert admin.post(f"{SIGNALS}add/", body).status_code == 302
    assert Signal.objects.get().extras == {}


@pytest.mark.parametrize("extras", ['{"a": "\\u0000"}', "[1]", '{"a": NaN}', '{"a": 1e999}', "{"])
def test_extras_that_no_database_holds_are_a_form_error(admin: Client, extras: str) -> None:
    body = {"symbol": "TCS", "exchange": "NSEEQ", "signal_type": "buy", "extras": extras}
    assert "extras" in errors(admin.post(f"{SIGNALS}add/", body))


def test_the_actions_need_the_permission_to_change(client: Client) -> None:
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    signal = Signal.objects.create(symbol="TCS", signal_type="buy")
    client.post(SIGNALS, {"action": "approve", "_selected_action": [signal.pk]})
    signal.refresh_from_db()
    assert signal.status == "pending"


def test_a_settled_signals_terms_are_read_only(admin: Client) -> None:
    signal = Signal.objects.create(symbol="TCS", signal_type="buy", status="approved")
    admin.post(f"{SIGNALS}{signal.pk}/change/", {"symbol": "INFY", "status": "failed", "extras": "{}", "reason": "x"})
    signal.refresh_from_db()
    assert (signal.symbol, signal.status, signal.reason) == ("TCS", "approved", "x")


def test_a_setting_is_checked_by_its_kind_and_keeps_its_key(admin: Client) -> None:
    setting = TradingSetting.objects.get(key="notify")
    address = f"{SETTINGS}{setting.pk}/change/"
    assert "value" in errors(admin.post(address, {"value": "perhaps"}))
    assert admin.post(address, {"value": " True ", "key": "other", "kind": "text"}).status_code == 302
    setting.refresh_from_db()
    assert (setting.key, setting.kind, setting.value) == ("notify", "boolean", "true")


def test_a_new_setting_is_checked_by_its_kind(admin: Client) -> None:
    assert "value" in errors(admin.post(f"{SETTINGS}add/", {"key": "share", "kind": "fraction", "value": "2"}))
    assert "kind" in errors(admin.post(f"{SETTINGS}add/", {"key": "share", "kind": "colour", "value": "2"}))
    assert admin.post(f"{SETTINGS}add/", {"key": "share", "kind": "fraction", "value": "0.20"}).status_code == 302
    assert TradingSetting.objects.get(key="share").value == "0.20"


def test_settings_are_not_deleted(admin: Client) -> None:
    setting = TradingSetting.objects.get(key="notify")
    assert admin.post(f"{SETTINGS}{setting.pk}/delete/", {"post": "yes"}).status_code == 403
