"""System checks: a family or a view that would fail or leak later is reported at the start, in a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.urls import path
from pytest_django.fixtures import Settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

import systemcache
from systemcache import CachedValue, Family, checks, fetch, fetch_many
from systemcache.errors import MissingTTL, UnregisteredFamily
from systemcache.per_view.mixins import CachedView
from tests.support.people import client_of
from tests.systemcache import samples
from tests.systemcache.samples import GUARDED, PRICE, SECRET
from testservers.project import ROOT
from watchlist import cache_families as a_loaded_module

UNREGISTERED = Family("unregistered", "unregistered:{which}", int)


def read() -> CachedValue[int]:
    return fetch(GUARDED, {}, lambda: 1)


def quick_errors() -> list[tuple[str | None, str]]:
    """What quick commands and workers look for."""
    found = django_checks.run_checks(tags=[django_checks.Tags.caches])
    return [(message.id, message.msg) for message in found]


def view_errors(settings: Settings, view: Any) -> list[tuple[str | None, str]]:
    settings.ROOT_URLCONF = (path("a/", view),)
    return [(message.id, message.msg) for message in checks.check_views(None)]


# --- families ----------------------------------------------------------------------------------------------


def test_all_is_well() -> None:
    assert quick_errors() == []
    assert checks.check_views(None) == []


@pytest.mark.parametrize("ttl", [None, 0, -1, "60", True, 1.5])
def test_a_family_without_a_ttl_is_an_error(settings: Settings, ttl: object) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "sample_guarded": ttl}
    assert quick_errors() == [("systemcache.E001", "The family 'sample_guarded' has no TTL.")]


@pytest.mark.parametrize("prefix", ["", "a b", "a*", "a\n"])
def test_a_prefix_that_no_key_may_have_is_an_error(settings: Settings, prefix: str) -> None:
    settings.CACHE_PREFIX = prefix
    assert [id_ for id_, _ in quick_errors()] == ["systemcache.E002"]


def test_a_family_that_is_declared_and_not_registered_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(a_loaded_module, "FORGOTTEN", UNREGISTERED, raising=False)
    message = "The family 'unregistered' (watchlist.cache_families.FORGOTTEN) is not registered."
    assert quick_errors() == [("systemcache.E003", message)]
    with pytest.raises(SystemCheckError, match="FORGOTTEN"):
        call_command("check")
    with pytest.raises(SystemCheckError, match="FORGOTTEN"):
        call_command("clearcache", "--dry-run", skip_checks=False)


def test_a_family_of_a_package_that_is_no_installed_app_is_nobodys_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "FORGOTTEN", UNREGISTERED, raising=False)
    assert quick_errors() == []


@pytest.mark.django_db
def test_a_family_that_is_not_registered_cannot_be_used() -> None:
    for use in (
        lambda: fetch(UNREGISTERED, {"which": "a"}, lambda: 1),
        lambda: fetch_many(UNREGISTERED, [{"which": "a"}], lambda missing: [1 for _ in missing]),
    ):
        with pytest.raises(UnregisteredFamily, match=r"'unregistered' is not registered: call families.register\(\)"):
            use()


@pytest.mark.django_db
def test_a_family_without_a_ttl_cannot_be_used_and_the_error_says_why(settings: Settings) -> None:
    del settings.CACHE_TTLS["sample_guarded"]
    with pytest.raises(MissingTTL, match="'sample_guarded' has no TTL: add 'sample_guarded' to CACHE_TTLS"):
        read()


# --- views -------------------------------------------------------------------------------------------------


class Plain(APIView):
    """It names a family and is no CachedView."""

    family = GUARDED

    def get(self, request: Request) -> Response:
        return Response(read().value)


class Loose(CachedView):
    family = GUARDED
    read = staticmethod(read)

    def get_permissions(self) -> list[Any]:
        return [AllowAny()]


class Nameless(CachedView):
    """It forgets its family."""


class Unknown(CachedView):
    family = UNREGISTERED


class Secret(CachedView):
    family = SECRET


class Fine(CachedView):
    family = GUARDED
    read = staticmethod(read)
    permission_classes = (AllowAny,)


class FineAndOpen(CachedView):
    family = PRICE


LETS_IN = "lets in callers who may not see the family 'sample_guarded'."
WRONG: dict[type, tuple[str, str]] = {
    Plain: ("systemcache.E007", LETS_IN),
    Loose: ("systemcache.E007", LETS_IN),
    Nameless: ("systemcache.E004", "names no family."),
    Unknown: ("systemcache.E005", "names the family 'unregistered', which is not registered."),
    Secret: ("systemcache.E006", "names the family 'sample_secret', which is secret."),
}


@pytest.mark.parametrize("view", WRONG)
def test_a_view_that_is_wrong_about_its_family_is_an_error(settings: Settings, view: Any) -> None:
    id_, what = WRONG[view]
    assert view_errors(settings, view.as_view()) == [(id_, f"The view {__name__}.{view.__name__} {what}")]


@pytest.mark.parametrize("view", [Fine, FineAndOpen])
def test_a_view_that_names_its_family_asks_for_its_permission(settings: Settings, view: Any) -> None:
    assert view_errors(settings, view.as_view()) == []


def test_the_whole_check_looks_at_views_and_quick_commands_do_not(settings: Settings) -> None:
    settings.ROOT_URLCONF = (path("a/", Loose.as_view()),)
    assert quick_errors() == []
    with pytest.raises(SystemCheckError, match=r"systemcache\.E007"):
        call_command("check")


@pytest.mark.django_db
def test_what_the_check_finds_shows_nothing_all_the_same(
    settings: Settings, stranger: APIClient, admin_user: Any
) -> None:
    settings.ROOT_URLCONF = (path("loose/", Loose.as_view()),)
    assert stranger.get("/loose/").status_code == 403
    assert client_of(admin_user).get("/loose/").status_code == 200


# --- a worker's start --------------------------------------------------------------------------------------

SETTINGS_WITHOUT_A_TTL = """
from tradingsite.settings import *
del CACHE_TTLS["holdings"]
"""


@pytest.mark.parametrize("module", ["tradingsite.wsgi", "tradingsite.asgi"])
def test_a_worker_does_not_start_with_a_family_that_has_no_ttl(tmp_path: Path, module: str) -> None:
    (tmp_path / "without_a_ttl.py").write_text(SETTINGS_WITHOUT_A_TTL)
    environment = {"DJANGO_SETTINGS_MODULE": "without_a_ttl", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        env={**os.environ, **environment, "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "Configuration: The family 'holdings' has no TTL. "
            "Add 'holdings' to CACHE_TTLS, in whole seconds above 0. (systemcache.E001)"
        ],
    )


# --- the low-level API -------------------------------------------------------------------------------------


def test_the_low_level_api_is_one_import_that_needs_no_django_until_it_is_used() -> None:
    program = "import sys, json, systemcache; print(json.dumps([name for name in sys.modules if 'django' in name]))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    assert all(hasattr(systemcache, name) for name in systemcache.__all__)
    with pytest.raises(AttributeError, match="module 'systemcache' has no attribute 'nonsense'"):
        systemcache.nonsense  # noqa: B018
