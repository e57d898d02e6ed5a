"""The watchlist's page: symbols are searched for, added, changed and removed, with the API's rules."""

from collections.abc import Callable

import pytest

from tests.dashboard.page import Form, Page, Person
from watchlist.models import WatchlistItem

pytestmark = pytest.mark.django_db


def add(person: Person, symbol: str, category: str = "hold") -> Page:
    fields = {"symbol": symbol, "exchange": "NSEEQ", "category": category}
    answer = person.client.post("/watchlist/add", fields, headers={"Accept": "text/html"}, follow=True)
    return Page(answer.content.decode())


def test_a_symbol_is_added_to_its_category(trader: Person) -> None:
    page = add(trader, "infy", "long_term")
    assert "INFY on NSEEQ (Long term) is watched now." in page.text
    assert page.row("INFY").attributes["data-exchange"] == "NSEEQ"
    assert WatchlistItem.objects.get().category == "long_term"


def test_a_symbol_that_is_there_already_is_said_to_be(trader: Person) -> None:
    add(trader, "INFY")
    assert "INFY: This symbol is in this category already." in add(trader, "INFY").text


def test_part_of_a_name_leads_to_the_contracts_that_contain_it(trader: Person) -> None:
    page = add(trader, "bajaj", "long_term")
    assert page.row("BAJAJ-AUTO").attributes["data-exchange"] == "NSEEQ"
    assert not WatchlistItem.objects.exists()
    offer = next(form for form in page.forms if ("symbol", "BAJAJ-AUTO") in form.fields)
    assert ("category", "long_term") in offer.fields
    trader.send(offer)
    assert WatchlistItem.objects.get().symbol == "BAJAJ-AUTO"


def test_the_exact_symbol_is_offered_first(trader: Person) -> None:
    offers = trader.get("/symbols?q=LT", **{"HX-Request": "true"}).content.decode()
    assert offers.index('data-symbol="LT"') == offers.index("data-symbol=")
    assert "<html" not in offers
    assert "no contract with" in trader.get("/symbols?q=xyzzy", **{"HX-Request": "true"}).content.decode()


def test_a_symbol_that_is_not_watched_leads_to_its_chart_and_tickets(trader: Person, viewer: Person) -> None:
    found = trader.page("/symbols?q=LT")
    assert found.rows[0].attributes["data-symbol"] == "LT"
    assert 'href="/chart/LT"' in found.html
    for side in ("BUY", "SELL"):
        assert f"/orders/new?symbol=LT&amp;exchange=NSEEQ&amp;side={side}" in found.html
    assert "/orders/new" not in viewer.page("/symbols?q=LT").html


def test_target_note_and_category_are_changed(trader: Person) -> None:
    add(trader, "INFY")
    item = WatchlistItem.objects.get()
    address = f"/watchlist/{item.pk}/edit"
    changes = {"target_price": "1,950.50", "notes": "after the results", "category": "short_term"}
    after = trader.send(Form({"action": address}, []), **changes)
    assert after.row("INFY").cells["target_price"] == "1,950.50"
    assert after.row("INFY").cells["notes"] == "after the results"
    after = trader.send(Form({"action": address}, []), **changes | {"target_price": ""})
    assert after.row("INFY").cells["target_price"] == ""


@pytest.mark.parametrize(("field", "value"), [("target_price", "-5"), ("target_price", "dear"), ("category", "none")])
def test_a_wrong_value_is_refused_beside_its_field(trader: Person, field: str, value: str) -> None:
    add(trader, "INFY")
    fields = {"target_price": "1", "notes": "", "category": "hold"} | {field: value}
    answer = trader.client.post(f"/watchlist/{WatchlistItem.objects.get().pk}/edit", fields)
    assert answer.status_code == 400
    assert answer.content.decode().count('aria-invalid="true"') == 1
    assert WatchlistItem.objects.get().target_price is None


def test_a_symbol_is_removed_after_a_confirmation(trader: Person) -> None:
    add(trader, "INFY")
    address = f"/watchlist/{WatchlistItem.objects.get().pk}/remove"
    asked = trader.page(address)
    assert "Remove INFY?" in asked.text
    after = trader.send(next(form for form in asked.forms if form.address == address))
    assert "is no longer watched" in after.text
    assert not WatchlistItem.objects.exists()
    assert "removed already" in trader.page(address).text


def test_what_is_held_and_what_has_reached_its_target_is_shown(trader: Person) -> None:
    add(trader, "RELIANCE")
    held = {
        row.cells["quantity"] for row in trader.page("/holdings").rows if row.attributes["data-symbol"] == "RELIANCE"
    }
    ltp = trader.page("/").row("RELIANCE").cells["ltp"].replace(",", "")
    WatchlistItem.objects.update(target_price=ltp)
    row = trader.page("/").row("RELIANCE")
    assert int(row.cells["held_quantity"]) == sum(map(int, held))
    assert "reached" in row.classes["target_price"]


def test_a_viewer_changes_nothing(viewer: Person, person: Callable[..., Person]) -> None:
    item = WatchlistItem.objects.create(symbol="INFY")
    page = viewer.page("/")
    assert [form.address for form in page.forms if "watchlist" in form.address] == []
    for address in ("/watchlist/add", f"/watchlist/{item.pk}/edit", f"/watchlist/{item.pk}/remove"):
        assert viewer.client.post(address, {"symbol": "TCS", "category": "hold"}).status_code == 403
    assert [row.symbol for row in WatchlistItem.objects.all()] == ["INFY"]
