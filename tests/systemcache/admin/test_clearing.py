"""Clearing and refreshing by hand: counted, asked, done, on record."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from redis import Redis

from systemcache.fetching.fetch import fetch
from systemcache.models import ClearRecord
from systemcache.operations import warming
from systemcache.operations.warming import Step
from systemcache.storage import key_names
from tests.systemcache.admin.reading import CLEAR, FAMILY, HOME, said, state
from tests.systemcache.samples import PRICE, Price

pytestmark = pytest.mark.django_db


# --- clearing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "number"), [({"pattern": "sample:price:*"}, 2), ({"family": "sample_list"}, 1), ({"tag": "sample:A"}, 1)]
)
def test_a_clear_counts_asks_drops_and_is_on_record(
    operator: Client, sample_redis: Redis, chosen: dict[str, str], number: int
) -> None:
    before = state(sample_redis)
    question = operator.post(CLEAR, chosen)
    assert question.context["number"] == number
    assert state(sample_redis) == before
    assert not ClearRecord.objects.exists()
    done = operator.post(CLEAR, {**chosen, "confirmed": "yes"}, follow=True)
    assert f"{number} value" in " ".join(map(str, done.context["messages"]))
    record = ClearRecord.objects.get()
    assert (record.by, record.keys) == ("asha", number)
    assert operator.post(CLEAR, chosen).context["number"] == 0


@pytest.mark.parametrize(
    "chosen", [{}, {"pattern": "*", "family": "sample_list"}, {"family": "nonsense"}, {"tag": "nonsense:A"}]
)
def test_an_unclear_clear_is_asked_about_again(operator: Client, sample_redis: Redis, chosen: dict[str, str]) -> None:
    before = state(sample_redis)
    answer = operator.post(CLEAR, {**chosen, "confirmed": "yes"})
    assert answer.context["form"].errors
    assert "errorlist" in answer.content.decode()
    assert state(sample_redis) == before


def test_the_form_takes_what_a_link_names(operator: Client, sample_redis: Redis) -> None:
    assert 'value="sample:A"' in operator.get(f"{CLEAR}?tag=sample:A").content.decode()


def test_a_clear_needs_the_forms_own_token(sample_redis: Redis, make_user: Callable[..., User]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_user("esha", "systemcache.view_cache", "systemcache.clear_cache", is_staff=True))
    assert strict.post(CLEAR, {"pattern": "*", "confirmed": "yes"}).status_code == 403
    assert sample_redis.exists(key_names.full_key("sample:price:A"))


# --- refreshing -------------------------------------------------------------------------------------------


@pytest.fixture
def warmer(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    steps: list[Step] = []
    monkeypatch.setattr(warming, "warmers", {lambda: steps: ""})
    return steps


class Refused(Exception):
    status_code = 503


def test_a_refresh_clears_the_family_and_loads_what_a_warmer_keeps(
    operator: Client, sample_redis: Redis, warmer: list[Step]
) -> None:
    warmer.append(Step("sample_price", "A", lambda: fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(9)))))
    answer = operator.post(f"{FAMILY}refresh/", follow=True)
    assert said(answer) == "2 cleared, 1 read reloaded."
    assert b'"9"' in (sample_redis.get(key_names.full_key("sample:price:A")) or b"")
    assert not sample_redis.exists(key_names.full_key("sample:price:B"))
    assert ClearRecord.objects.get().what == "family sample_price"


def test_a_refresh_of_a_family_without_a_warmer_clears_it(
    operator: Client, sample_redis: Redis, warmer: list[Step]
) -> None:
    answer = operator.post(f"{FAMILY}refresh/", follow=True)
    assert said(answer) == "2 cleared; the next read of each value loads it."


def test_a_refresh_whose_source_fails_says_why(operator: Client, sample_redis: Redis, warmer: list[Step]) -> None:
    def fail() -> Price:
        raise Refused("The broker is closed.")

    warmer.append(Step("sample_price", "price of A", lambda: fetch(PRICE, {"symbol": "A"}, fail)))
    assert "price of A: The broker is closed." in said(operator.post(f"{FAMILY}refresh/", follow=True))


def test_a_family_that_nobody_has_is_not_found(operator: Client, sample_redis: Redis) -> None:
    assert operator.get(f"{HOME}families/nonsense/").status_code == 404
    assert operator.post(f"{HOME}families/nonsense/refresh/").status_code == 404
