"""Server-Timing: whose time a request takes."""

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from systemcache import timing
from systemcache.invalidation import statements


def durations(header: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", header)}


def test_spans_are_gathered_by_name_and_the_rest_is_ours() -> None:
    with timing.collect_spans() as spans:
        with timing.span("broker"):
            pass
        spans.add("broker", "", 10.0, 10.25)
    found = durations(spans.header(1.0))
    assert found["broker"] == pytest.approx(250, abs=5)
    assert found["rest"] == pytest.approx(750, abs=5)
    assert set(found) == {*timing.names(), "rest"}


def test_each_call_to_the_broker_is_named_with_its_own_time() -> None:
    spans = timing.Spans()
    spans.add("limiter", "", 10.0, 10.5)
    spans.add("broker", "holdings", 10.5, 10.6)
    spans.add("broker", "marketquotes", 10.6, 10.65)
    assert 'limiter;dur=500.00, broker;dur=150.00;desc="holdings 100.00, marketquotes 50.00"' in spans.header(1.0)


def test_outside_a_request_nothing_is_gathered() -> None:
    with timing.span("cache"):
        pass
    with timing.collect_spans() as spans:
        pass
    with timing.span("cache"):
        pass
    assert spans.header(1.0) == timing.Spans().header(1.0)


@pytest.mark.django_db
def test_a_query_counts_as_the_databases_time() -> None:
    with timing.collect_spans() as spans, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert spans.total("database") > 0
    assert spans.total("cache") == 0


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_made_in_between_leaves_other_wrappers_to_their_owners() -> None:
    def others(execute: Callable[..., Any], *words: Any) -> Any:
        return execute(*words)

    with closing(connection.copy()) as fresh:
        with fresh.execute_wrapper(others), fresh.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert fresh.execute_wrappers == [timing.timed_query, statements.watch_statement]


@pytest.mark.django_db
@pytest.mark.usefixtures("redis_store")
def test_every_answer_says_whose_time_it_took(stranger: APIClient) -> None:
    found = durations(stranger.get("/api/settings").headers["Server-Timing"])
    assert found["cache"] > 0
    assert found["database"] > 0
    assert found["broker"] == found["limiter"] == 0
    assert list(found) == ["cache", "database", "limiter", "broker", "wait", "rest"]


def test_a_span_is_registered_once_and_named_before_the_waiting() -> None:
    before = timing.names()
    timing.register("broker", "limiter")
    assert timing.names() == before == ["cache", "database", "limiter", "broker", "wait"]
