"""clearcache, cachestats, createtoken, benchcache."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from systemcache.fetching.fetch import fetch
from systemcache.models import ApiToken
from tests.support.commands import output_of
from tests.systemcache.samples import LIST


@pytest.fixture
def one_value(redis_store: object, db: None) -> None:
    fetch(LIST, {}, list)


@pytest.mark.usefixtures("one_value")
def test_clearcache_counts_and_clears() -> None:
    assert output_of("clearcache", "sample:*", "--dry-run") == "1 keys would be cleared\n"
    assert output_of("clearcache", "--family", "sample_list") == "1 keys cleared\n"
    assert output_of("clearcache", "*") == "0 keys cleared\n"


@pytest.mark.parametrize(
    "arguments", [[], ["*", "--family", "sample_list"], ["--family", "nonsense"], ["--tag", "nonsense"]]
)
@pytest.mark.usefixtures("one_value")
def test_clearcache_refuses_what_is_unclear(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("clearcache", *arguments)
    assert fetch(LIST, {}, list).state == "hit"


def test_clearcache_says_when_redis_is_gone() -> None:
    with pytest.raises(CommandError, match="Redis"):
        call_command("clearcache", "*")


@pytest.mark.usefixtures("one_value")
def test_cachestats_shows_a_table_and_json() -> None:
    fetch(LIST, {}, list)
    assert "Hit rate 50.0 % (1 hits, 1 misses)" in output_of("cachestats")
    assert json.loads(output_of("cachestats", "--json"))["hits"] == 1


@pytest.mark.usefixtures("one_value")
def test_cachestats_fails_under_a_rate() -> None:
    fetch(LIST, {}, list)
    output_of("cachestats", "--fail-under", "50")
    with pytest.raises(CommandError, match=r"50\.0 %, below 50\.1 %"):
        output_of("cachestats", "--fail-under", "50.1")


@pytest.mark.usefixtures("redis_store")
def test_cachestats_without_any_read_fails_under_every_rate() -> None:
    with pytest.raises(CommandError):
        output_of("cachestats", "--fail-under", "1")


def test_createtoken_prints_a_token_that_works_and_keeps_its_hash(make_user: Callable[..., User]) -> None:
    make_user("program")
    token = output_of("createtoken", "program", "--name", "notebook").strip()
    assert ApiToken.objects.get(name="notebook").digest == ApiToken.digest_of(token)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert api.get("/api/settings").status_code == 200


@pytest.mark.django_db
def test_createtoken_names_an_unknown_user() -> None:
    with pytest.raises(CommandError, match="nobody"):
        call_command("createtoken", "nobody")


@pytest.mark.django_db
def test_benchcache_needs_redis_and_says_so(make_user: Callable[..., User]) -> None:
    make_user("admin", is_superuser=True)
    with pytest.raises(CommandError, match=r"Redis|answers"):
        call_command("benchcache", "--url", "http://127.0.0.1:1")
    assert not ApiToken.objects.exists()
