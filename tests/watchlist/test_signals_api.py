"""/api/signals, as programs see it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.support.committed import as_committed
from tests.watchlist.conftest import Commits
from watchlist.models import Signal, Status
from watchlist.models.signals import ALLOWED_FROM
from watchlist.schemas import SignalSchema
from watchlist.serializers import SignalSerializer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("market")]

ROUTE = "/api/signals"


def add(**fields: Any) -> Signal:
    return Signal.objects.create(**{"symbol": "TCS", "signal_type": "buy", **fields})


def detail(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    found: dict[str, list[str]] = answer.json()["error"]["detail"]
    return found


def test_a_signal_is_made_read_changed_and_deleted(owner: APIClient) -> None:
    body = {"symbol": "tcs", "signal_type": "buy", "price": "3500", "quantity": 3, "extras": {"source": "a friend"}}
    made = owner.post(ROUTE, body)
    assert made.status_code == 201
    assert (made.json()["symbol"], made.json()["status"], made.json()["price"]) == ("TCS", "pending", "3500.00")
    address = f"{ROUTE}/{made.json()['id']}"
    assert owner.get(address).json() == made.json()
    assert owner.get(ROUTE).json()["data"] == [made.json()]
    assert owner.put(address, {"symbol": "TCS", "signal_type": "sell"}).json()["signal_type"] == "sell"
    assert owner.patch(address, {"price": 3400}).json()["price"] == "3400.00"
    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == 404


def test_the_serializer_and_the_row_name_the_same_columns() -> None:
    assert tuple(SignalSerializer().fields) == SignalSchema.__struct_fields__


@pytest.mark.usefixtures("redis_store")
def test_the_latest_signals_come_first_and_from_the_cache(owner: APIClient, commits: Commits) -> None:
    numbers = [add().pk for _ in range(3)]
    as_committed()
    assert [row["id"] for row in owner.get(ROUTE, {"limit": 2}).json()["data"]] == numbers[:0:-1]
    assert owner.get(ROUTE, {"limit": 2})["X-Cache"] == "hit"
    with commits():
        owner.patch(f"{ROUTE}/{numbers[0]}", {"status": "approved"})
    assert owner.get(ROUTE, {"limit": 2})["X-Cache"] == "miss"


@pytest.mark.usefixtures("redis_store")
def test_signals_of_a_status_come_from_the_database(owner: APIClient) -> None:
    add()
    approved = add(status="approved")
    for _ in range(2):
        answer = owner.get(ROUTE, {"status": "approved"})
        assert [row["id"] for row in answer.json()["data"]] == [approved.pk]
        assert answer["X-Cache"] == "bypass"
    assert len(owner.get(ROUTE, {"status": "approved", "limit": "1"}).json()["data"]) == 1


@pytest.mark.parametrize("limit", ["-1", "0", "abc", "201", "1.5", "9" * 400, "\0"])
def test_a_wrong_limit_is_named(owner: APIClient, limit: str) -> None:
    assert list(detail(owner.get(ROUTE, {"limit": limit}))) == ["limit"]
    assert list(detail(owner.get(ROUTE, {"limit": limit, "status": "failed"}))) == ["limit"]


def test_an_unknown_status_is_named(owner: APIClient) -> None:
    assert list(detail(owner.get(ROUTE, {"status": "open"}))) == ["status"]


@pytest.mark.parametrize("before", Status.values)
@pytest.mark.parametrize("after", Status.values)
def test_a_status_follows_only_where_it_may(owner: APIClient, before: str, after: str) -> None:
    signal = add(status=before)
    answer = owner.patch(f"{ROUTE}/{signal.pk}", {"status": after})
    signal.refresh_from_db()
    if before == after or before in ALLOWED_FROM[after]:
        assert (answer.status_code, signal.status) == (200, after)
    else:
        assert detail(answer) == {"status": [f"A signal that is {before} cannot become {after}."]}
        assert signal.status == before


def test_the_way_of_a_signal_is_stamped(owner: APIClient) -> None:
    address = f"{ROUTE}/{add().pk}"
    approved = owner.patch(address, {"status": "approved"}).json()
    assert approved["approved_at"] is not None
    assert approved["executed_at"] is None
    executed = owner.patch(address, {"status": "executed", "order_id": "2511230001"}).json()
    assert executed["approved_at"] == approved["approved_at"]
    assert executed["executed_at"] is not None
    assert executed["order_id"] == "2511230001"


def test_a_signal_is_not_approved_when_its_time_is_over(owner: APIClient) -> None:
    address = f"{ROUTE}/{add(expires_at=timezone.now() - timedelta(seconds=1)).pk}"
    said = detail(owner.patch(address, {"status": "approved"}))
    assert said == {"status": ["A signal that is pending (its time is over) cannot become approved."]}
    assert owner.patch(address, {"status": "rejected"}).status_code == 200


def test_a_refused_status_takes_the_other_changes_with_it(owner: APIClient) -> None:
    signal = add()
    owner.patch(f"{ROUTE}/{signal.pk}", {"status": "executed", "reason": "because"})
    signal.refresh_from_db()
    assert signal.reason == ""


def test_the_terms_of_a_signal_are_settled_once_it_is_approved(owner: APIClient) -> None:
    signal = add(status="approved", price=100, quantity=1)
    address = f"{ROUTE}/{signal.pk}"
    assert sorted(detail(owner.patch(address, {"price": 99, "quantity": 2}))) == ["price", "quantity"]
    same = {"symbol": "TCS", "signal_type": "buy", "price": 100, "quantity": 1, "reason": "as agreed"}
    assert owner.put(address, same).json()["reason"] == "as agreed"


def test_an_end_in_the_future_can_be_given_and_a_past_one_kept(owner: APIClient) -> None:
    body = {"symbol": "TCS", "signal_type": "buy", "expires_at": "2099-01-01T00:00:00Z"}
    assert owner.post(ROUTE, body).json()["expires_at"] == "2099-01-01T05:30:00+05:30"
    late = add(expires_at=timezone.now() - timedelta(days=1))
    kept = {"expires_at": late.expires_at, "reason": "too late"}
    assert owner.patch(f"{ROUTE}/{late.pk}", kept).json()["reason"] == "too late"


def test_a_new_signal_is_pending(owner: APIClient) -> None:
    body = {"symbol": "TCS", "signal_type": "buy", "status": "approved"}
    assert detail(owner.post(ROUTE, body)) == {"status": ["A new signal must be pending."]}


def test_a_strategys_second_pending_signal_is_refused(owner: APIClient) -> None:
    add(strategy="rsi")
    other = add(strategy="rsi", signal_type="sell")
    assert "symbol" in detail(owner.post(ROUTE, {"symbol": "TCS", "signal_type": "buy", "strategy": "rsi"}))
    assert "symbol" in detail(owner.patch(f"{ROUTE}/{other.pk}", {"signal_type": "buy"}))


def test_stamps_and_number_are_not_the_callers_to_write(owner: APIClient) -> None:
    body = {"symbol": "TCS", "signal_type": "buy", "id": 7_000, "approved_at": "2025-01-01T00:00:00Z"}
    made = owner.post(ROUTE, body).json()
    assert made["id"] != 7_000
    assert made["approved_at"] is None


def nested(depth: int) -> Any:
    return {} if depth == 1 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"symbol": "NOSUCH"}, "symbol"),
        ({"signal_type": "keep"}, "signal_type"),
        ({"strategy": "x" * 41}, "strategy"),
        ({"strategy": "\0"}, "strategy"),
        ({"reason": "\0"}, "reason"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 2**31}, "quantity"),
        ({"quantity": 2**80}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"price": 0}, "price"),
        ({"stop_loss": -1}, "stop_loss"),
        ({"take_profit": "1e40"}, "take_profit"),
        ({"margin_required": "much"}, "margin_required"),
        ({"confidence": "1.1"}, "confidence"),
        ({"confidence": -0.1}, "confidence"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+05:30"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
        ({"order_id": "x" * 65}, "order_id"),
        ({"extras": []}, "extras"),
        ({"extras": None}, "extras"),
        ({"extras": {"a": "x\0"}}, "extras"),
        ({"extras": {"\0": 1}}, "extras"),
        ({"extras": {"a": "x" * 9_000}}, "extras"),
        ({"extras": nested(21)}, "extras"),
        ({"extras": nested(200)}, "extras"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_field_is_named(owner: APIClient, wrong: dict[str, Any], field: str) -> None:
    assert list(detail(owner.post(ROUTE, {"symbol": "TCS", "signal_type": "buy", **wrong}))) == [field]


@pytest.mark.parametrize("extras", ['{"a": "\\ud800"}', '{"\\udfff": 1}', '{"a": 1e999}', '{"a": [-1e999]}'])
def test_extras_that_no_database_holds_are_refused(owner: APIClient, extras: str) -> None:
    body = f'{{"symbol": "TCS", "signal_type": "buy", "extras": {extras}}}'
    assert list(detail(owner.post(ROUTE, body, content_type="application/json"))) == ["extras"]


def test_extras_come_back_as_they_were(owner: APIClient) -> None:
    extras = {"a": [1.5, {"ü": None}], "b": int("9" * 4000), "": True}
    made = owner.post(ROUTE, {"symbol": "TCS", "signal_type": "buy", "extras": extras})
    assert made.json()["extras"] == extras
    assert owner.get(ROUTE).json()["data"] == [made.json()]


def test_extras_may_be_nested_some_way(owner: APIClient) -> None:
    body = {"symbol": "TCS", "signal_type": "buy", "extras": nested(20)}
    assert owner.post(ROUTE, body).json()["extras"] == nested(20)


@pytest.mark.parametrize("number", [str(2**63), "9" * 19, "9" * 40, "x"])
def test_a_number_that_no_signal_has_is_not_found(owner: APIClient, number: str) -> None:
    assert owner.get(f"{ROUTE}/{number}").status_code == 404


def test_anonymous_callers_are_asked_to_log_in(anonymous: APIClient) -> None:
    assert anonymous.get(ROUTE).status_code == 401
    assert anonymous.post(ROUTE, {}).status_code == 401
    assert anonymous.post(f"{ROUTE}/generate", {}).status_code == 401


def test_a_stranger_reads_and_writes_nothing(stranger: APIClient) -> None:
    signal = add()
    assert stranger.get(ROUTE).status_code == 200
    assert stranger.post(ROUTE, {"symbol": "TCS", "signal_type": "buy"}).status_code == 403
    assert stranger.patch(f"{ROUTE}/{signal.pk}", {"status": "approved"}).status_code == 403
    assert stranger.delete(f"{ROUTE}/{signal.pk}").status_code == 403
    assert stranger.post(f"{ROUTE}/generate", {}).status_code == 403


def test_the_browsable_pages_open(owner: APIClient) -> None:
    add(pk=1)
    for path in ("", "/1"):
        assert owner.get(ROUTE + path, HTTP_ACCEPT="text/html").status_code == 200
