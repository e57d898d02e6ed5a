"""The documents' contradictions as switches: each of the 22 has its form, or a reason for having none."""

import json
from typing import Any

import pytest

from broker.simulator import QUIRKS
from tests.broker.simulator.caller import HISTORY, ORDER, QUOTES, Caller, Hands, Simulate

REFERENCE = [f"D{number}" for number in range(1, 23)]
WITHOUT_FORM = {"D1", "D3", "D9", "D21"}
OF_STREAM = {name for name, quirk in QUIRKS.items() if quirk.is_of_stream}
BUY = ORDER | {"orderComplexity": "REGULAR", "validity": "DAY", "marketProtectionPercent": "2"}


def with_quirk(caller: Caller, *names: str) -> Caller:
    caller.simulator.clear_quirks()
    for name in names:
        caller.simulator.add_quirk(name)
    return caller


def everything(caller: Caller) -> dict[str, Any]:
    """An answer of every route that has one without writing; a login that is refused, too."""
    return {
        "login": caller.content("POST", "/getusersession", {"checkSum": "wrong"}),
        **{path: caller.content("GET", path) for path in ("/profile", "/limits", "/holdings", "/positions")},
        **{path: caller.content("GET", path) for path in ("/orders", "/orders/1", "/trades")},
        "history": caller.content("POST", "/marketdata/historicaldata", HISTORY),
        "quotes": caller.content("POST", "/marketdata/marketquotes", QUOTES * 2),
        "depth": caller.content("POST", "/marketdata/marketdepth", QUOTES[0]),
        "interest": caller.content("POST", "/marketdata/openinterest", QUOTES[0]),
        "margin": caller.content("POST", "/preordermargin", ORDER | {"orderComplexity": "CO"}),
    }


@pytest.mark.parametrize("name", [name for name in REFERENCE if name not in OF_STREAM])
def test_every_contradiction_changes_answers_or_says_why_not(caller: Caller, name: str) -> None:
    assert QUIRKS[name].description
    if name in WITHOUT_FORM:
        with pytest.raises(ValueError, match=f"{name} cannot be switched on"):
            caller.simulator.add_quirk(name)
        return
    caller.content("POST", "/orders", [BUY])
    before, limits = everything(caller), QUIRKS[name].limits
    after = everything(with_quirk(caller, name))
    assert (after != before) or limits
    assert everything(with_quirk(caller)) == before


@pytest.mark.parametrize("name", [name for name in QUIRKS if name not in REFERENCE and name not in OF_STREAM])
def test_every_other_form_changes_answers(caller: Caller, name: str) -> None:
    before = everything(caller)
    assert everything(with_quirk(caller, name)) != before


def test_bare_and_wrapped_change_places(caller: Caller) -> None:
    with_quirk(caller, "D4")
    assert isinstance(json.loads(caller.send("GET", "/holdings").body), list)
    assert caller.content("POST", "/marketdata/openinterest", QUOTES[0])["result"]["exchange"] == "NSEEQ"
    assert "result" in caller.content("GET", "/limits")


def test_an_empty_book_changes_its_form_too(caller: Caller) -> None:
    caller.simulator.fail("holdings", "empty")
    with_quirk(caller, "D12")
    assert caller.get("/holdings")["status"] == "EC922"


def test_field_names_are_the_other_ones(caller: Caller) -> None:
    with_quirk(caller, "D2", "D5", "D7", "D14")
    first, second = caller.content("POST", "/marketdata/marketquotes", QUOTES * 2)["result"]
    assert (first["InstrumentId"], "bestAskPrice" in first, "bestAskPrice" in second) == (1594, False, True)
    assert first["besAskPrice"] == second["bestAskPrice"]
    assert {"disclosedQuantity"} == {key for key in caller.get("/orders")[0] if key.startswith("disclosed")}
    assert caller.content("POST", "/preordermargin", ORDER)["rmsValidationCheck"] == "OK"


def test_ids_change_their_type(caller: Caller) -> None:
    with_quirk(caller, "D13")
    assert caller.quotes("2885")[0]["instrumentId"] == "2885"
    assert caller.get("/holdings")[0]["nseInstrumentId"] == 2885


@pytest.mark.parametrize(
    ("names", "is_form"),
    [
        (("D10",), lambda result: result[0][0].startswith("2025-11-03")),
        (("D12",), lambda result: result["candles"][0][0].startswith("2025-11-03")),
        (("candles-as-text",), lambda result: json.loads(result)[0]["candles"]),
        (("D10", "candles-as-text"), lambda result: json.loads(result)[0][0].startswith("2025-11-03")),
    ],
)
def test_candles_come_flat_nested_and_as_text(caller: Caller, names: tuple[str, ...], is_form: Any) -> None:
    with_quirk(caller, *names)
    assert is_form(caller.content("POST", "/marketdata/historicaldata", HISTORY)["result"])


def test_a_cover_order_needs_its_target_only_when_told_so(caller: Caller) -> None:
    cover = ORDER | {"orderComplexity": "CO"}
    assert caller.content("POST", "/preordermargin", cover)["rmsvalidationMessage"] == "OK"
    with_quirk(caller, "D16")
    assert caller.content("POST", "/preordermargin", cover)["result"]["status"] == "EC953"
    assert "fundShort" in caller.content("POST", "/preordermargin", cover | {"targetLegPrice": "2000"})
    assert caller.content("POST", "/preordermargin", [cover])["result"]["status"] == "EC900"


def test_protection_is_shown_as_a_price(caller: Caller) -> None:
    number = caller.content("POST", "/orders", [BUY])["result"][0]["brokerOrderId"]
    with_quirk(caller, "D18")
    (row,) = caller.get(f"/orders/{number}")
    assert float(row["marketProtectionPercent"]) == pytest.approx(1.02 * float(row["averageTradedPrice"]), abs=0.01)


def test_ten_calls_for_candles_a_second(simulate: Simulate, hands: Hands) -> None:
    somebody = Caller(simulate(limits=True, quirks=("D8",)))
    somebody.log_in()
    statuses = [somebody.send("POST", "/marketdata/historicaldata", HISTORY).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    somebody.simulator.clear_quirks()
    hands.seconds += 2
    assert [somebody.send("POST", "/marketdata/historicaldata", HISTORY).status for _ in range(4)][-1] == 429


def test_groups_switch_on_many_at_once(simulate: Simulate) -> None:
    everything = set(simulate(quirks=("all",)).quirks)
    assert {name for name in REFERENCE if name not in WITHOUT_FORM | OF_STREAM} < everything
    assert OF_STREAM.isdisjoint(everything)
    in_form = simulate(quirks=("forms",)).quirks
    assert {"D4", "D10", "missing-numbers"} < set(in_form)
    assert {"D15", "D16", "D17", "D18", "D22", "first-row"}.isdisjoint(in_form)


def test_an_unknown_quirk_is_refused_with_the_known_ones(simulate: Simulate) -> None:
    with pytest.raises(ValueError, match=r"There is no quirk 'D99'\. Known: D2, "):
        simulate(quirks=("D99",))


def test_errors_and_contract_files_stay_as_they_are(caller: Caller) -> None:
    file = caller.send("GET", "/contractfiles/NSEEQ.json")
    caller.simulator.fail("trades", "not-json")
    caller.simulator.fail("orders", "503")
    caller.simulator.fail("positions", "drop")
    before = [caller.send("GET", path) for path in ("/trades", "/orders", "/positions")]
    with_quirk(caller, "all")
    assert [caller.send("GET", path) for path in ("/trades", "/orders", "/positions")] == before
    assert caller.send("GET", "/contractfiles/NSEEQ.json") == file
