"""The project as a whole: its admin, its checks, its description, its files."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

import tradingsite.urls  # noqa: F401 - has the admin's pages registered
from alerts.models import PriceAlert
from broker.models import BrokerSession, Contract, ContractFile, OrderRequest, TradingDay, TradingSwitch
from broker.simulator import Simulator
from systemcache.models import ApiToken, Cache, ClearRecord
from tests.site.routes import DOCUMENTED
from testservers.project import ROOT, files
from tradingsite import settings
from tradingsite.models import LoginAttempt
from watchlist.models import Signal, TradingSetting, WatchlistItem


def contract() -> Contract:
    file = ContractFile.objects.create(file="NSEEQ", generation=1)
    return Contract.objects.create(file=file, generation=1, trading_symbol="TCS-EQ", lot_size=1)


ROWS: dict[type[Model], Callable[[User], Model]] = {
    User: lambda user: user,
    Group: lambda _: Group.objects.create(name="traders"),
    ApiToken: lambda user: ApiToken.objects.create(user=user, name="notebook", digest="0" * 64),
    ClearRecord: lambda _: ClearRecord.objects.create(by="admin", what="*", keys=3, seconds=0.1),
    TOTPDevice: lambda user: TOTPDevice.objects.create(user=user, name="authenticator"),
    LoginAttempt: lambda _: LoginAttempt.objects.create(network="192.0.2.1", at=timezone.now()),
    BrokerSession: lambda _: BrokerSession.objects.create(client_id="OTHER", ciphertext=b"", expires_at=timezone.now()),
    ContractFile: lambda _: ContractFile.objects.create(file="NSEEQ"),
    Contract: lambda _: contract(),
    OrderRequest: lambda user: OrderRequest.objects.create(
        user=user, client_id="SIM0001", action="place", asked={"quantity": 5}, tried_at=timezone.now()
    ),
    TradingDay: lambda _: TradingDay.objects.create(exchange="NSEEQ", day="2026-12-04", hours="closed"),
    TradingSwitch: lambda user: TradingSwitch.objects.create(state="halted", user=user, since=timezone.now()),
    WatchlistItem: lambda _: WatchlistItem.objects.create(symbol="TCS"),
    Signal: lambda _: Signal.objects.create(symbol="TCS", signal_type="buy"),
    TradingSetting: lambda _: TradingSetting.objects.get(key="max_positions"),
    PriceAlert: lambda user: PriceAlert.objects.create(
        user=user, symbol="TCS", exchange="NSEEQ", instrument_id="11536", kind="above", value=4_000
    ),
}
OF_THE_BROKER = (BrokerSession, ContractFile, Contract, OrderRequest, TradingSwitch)  # to be seen here, made elsewhere
NOT_ADDED = (ClearRecord, LoginAttempt, PriceAlert, *OF_THE_BROKER)
KEPT = (TradingSetting, ClearRecord, *OF_THE_BROKER)  # programs ask for settings by name; a record stays
PAGES_ALONE = {Cache}  # has no table; its pages have tests of their own
MODELS = [model for model in apps.get_models() if admin.site.is_registered(model) and model not in PAGES_ALONE]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_admin_page_opens(
    admin_client: Client, admin_user: User, simulator: Simulator, model: type[Model]
) -> None:
    row = ROWS[model](admin_user)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    change = reverse(f"{name}_change", args=[row.pk])
    for page in (
        reverse(f"{name}_changelist"),
        reverse(f"{name}_changelist") + "?q=x",
        change,
        change.replace("/change/", "/history/"),
    ):
        assert admin_client.get(page).status_code == 200, page
    assert admin_client.get(reverse(f"{name}_add")).status_code == (403 if model in NOT_ADDED else 200)
    assert admin_client.get(change.replace("/change/", "/delete/")).status_code == (403 if model in KEPT else 200)


@pytest.mark.parametrize("page", ["index", "password_change"])
def test_the_admins_own_pages_open(admin_client: Client, page: str) -> None:
    assert admin_client.get(reverse(f"admin:{page}")).status_code == 200


# --- checks and migrations ---------------------------------------------------------------------------------


def test_ids_of_system_checks_are_unique_and_carry_their_apps_name() -> None:
    found = [(file.parts[0], id_) for file in python_files(("checks.py",)) for id_ in check_ids(file)]
    assert len(found) >= 2
    counted = Counter(id_ for _, id_ in found)
    assert [id_ for id_, times in counted.items() if times > 1] == []
    for app, id_ in found:
        assert re.fullmatch(rf"{app}\.[EWI]\d{{3}}", id_)


def check_ids(file: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.keyword) and node.arg == "id":
            assert isinstance(node.value, ast.Constant), f"{file}: an id that cannot be searched for"
            yield str(node.value.value)


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()


def test_the_systems_own_checks_find_nothing() -> None:
    out = StringIO()
    call_command("check", "--fail-level", "WARNING", stdout=out)
    assert "no issues" in out.getvalue()


# --- the API's description ---------------------------------------------------------------------------------


def test_the_description_is_valid_and_made_without_a_warning() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    assert out.getvalue().startswith("{")


def test_every_promised_route_is_described(admin_client: Client) -> None:
    paths = admin_client.get("/api/schema?format=json").json()["paths"]
    assert set(DOCUMENTED) <= {path for path, operations in paths.items() if "get" in operations}


def test_every_operation_says_in_words_what_it_does(admin_client: Client) -> None:
    paths = admin_client.get("/api/schema?format=json").json()["paths"]
    operations = {
        f"{method} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    }
    silent = [name for name, said in operations.items() if not (said.get("summary") or said.get("description"))]
    assert silent == []
    ids = Counter(operation["operationId"] for operation in operations.values())
    assert [id_ for id_, times in ids.items() if times > 1] == []


# --- files -------------------------------------------------------------------------------------------------


def python_files(names: tuple[str, ...] = ()) -> list[Path]:
    return [file for file in files() if file.suffix == ".py" and (not names or file.name in names)]


def test_no_file_names_a_place_on_one_machine() -> None:
    place = re.compile(rb"(?<![\w.])/(home|root|Users|work)/\w")
    found = {str(file): match[0] for file in files() if (match := place.search((ROOT / file).read_bytes()))}
    assert found == {}


def test_the_version_is_that_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == settings.VERSION
