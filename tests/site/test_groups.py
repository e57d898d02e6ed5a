"""The groups that a site starts with."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from tests.support.people import client_of
from tradingsite.groups import GROUPS

pytestmark = pytest.mark.django_db


def rights_of(name: str) -> set[str]:
    rows = Permission.objects.filter(group__name=name).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


@pytest.mark.parametrize("name", GROUPS)
def test_each_group_is_there_with_its_rights(name: str) -> None:
    assert rights_of(name) == set(GROUPS[name])


def test_what_administrators_have_made_of_a_group_stays() -> None:
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.clear()
    Group.objects.get(name="operator").delete()
    call_command("migrate", verbosity=0)
    assert rights_of("viewer") == set()
    assert rights_of("operator") == set(GROUPS["operator"])


def test_only_traders_trade_and_operators_do_not_see_the_account() -> None:
    assert [name for name in GROUPS if "broker.trade" in GROUPS[name]] == ["trader"]
    assert [name for name in GROUPS if "broker.view_account" in GROUPS[name]] == ["viewer", "trader"]


def test_a_member_has_the_groups_rights(make_user: Callable[..., User]) -> None:
    member = make_user("member")
    assert client_of(member).post("/api/watchlist", {"symbol": "TCS"}).status_code == 403
    member.groups.add(Group.objects.get(name="trader"))
    assert client_of(member).post("/api/watchlist", {"symbol": ""}).status_code == 400
