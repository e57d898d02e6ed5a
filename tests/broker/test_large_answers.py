"""A year of minutes is 11 MB: a few such answers at once, one of each user, and everybody else's are not held up."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from broker.candles import large_answers
from broker.errors import TooManyLargeAnswers
from broker.simulator import Simulator
from broker.values import Interval
from systemcache.rate_limit import owner
from systemcache.rate_limit.bulkhead import Bulkhead
from tests.support.people import client_of

LAST = date(2025, 12, 31)
YEAR = (LAST - timedelta(days=365), LAST)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    bulkhead = Bulkhead(running=2, running_of_one=1, waiting=0, waiting_of_one=0, longest_wait=1)
    monkeypatch.setattr(large_answers, "bulkhead", bulkhead)


def candles_of(client: APIClient, interval: str, days: int) -> int:
    first = LAST - timedelta(days=days - 1)
    query = {"symbol": "RELIANCE", "interval": interval, "from": str(first), "to": str(LAST), "page": "1"}
    answer = client.get("/api/broker/candles", query)
    if answer.status_code == 503:
        assert answer.json()["error"]["code"] == "too_many_large_answers"
        assert answer["Retry-After"] == "5"
    return answer.status_code


def test_a_users_second_large_answer_is_refused_and_small_ones_and_other_users_are_not(
    make_user: Callable[..., User], simulator: Simulator
) -> None:
    ann, bob = (make_user(name, "broker.view_account") for name in ("ann", "bob"))
    with owner.working_for(lambda: f"user{ann.pk}"), large_answers.place_for(Interval.MINUTE, *YEAR):
        assert candles_of(client_of(ann), "1m", 366) == 503
        assert candles_of(client_of(ann), "1m", 5) == 200
        assert candles_of(client_of(ann), "1d", 3000) == 200
        assert candles_of(client_of(bob), "1m", 80) == 200


def test_users_together_make_no_more_than_a_few_large_answers_at_once() -> None:
    def place(name: str) -> None:
        with owner.working_for(lambda: name), large_answers.place_for(Interval.MINUTE, *YEAR):
            if name == "bob":
                place("cid")
            elif name == "ann":
                place("bob")

    with pytest.raises(TooManyLargeAnswers):
        place("ann")
    with large_answers.place_for(Interval.MINUTE, *YEAR):  # all places are free again
        pass
