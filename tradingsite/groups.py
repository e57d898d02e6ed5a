"""The groups that a new site has; from then on administrators decide on their members and permissions."""

from typing import Any

from django.apps import AppConfig
from django.apps.registry import Apps
from django.apps.registry import apps as installed_apps
from django.contrib.auth.management import create_permissions

VIEWER = (
    "alerts.view_pricealert",
    "broker.view_account",
    "watchlist.view_signal",
    "watchlist.view_tradingsetting",
    "watchlist.view_watchlistitem",
)
TRADER = (
    *VIEWER,
    "alerts.add_pricealert",
    "alerts.delete_pricealert",
    "broker.log_in",
    "broker.trade",
    "broker.view_orderrequest",
    "broker.view_tradingswitch",
    *(f"watchlist.{verb}_{model}" for verb in ("add", "change", "delete") for model in ("signal", "watchlistitem")),
    "watchlist.change_tradingsetting",
)
# Operators run the site; they neither see the account nor trade. Most of this is in the admin, which also requires
# staff status.
OPERATOR = (
    "broker.log_in",
    "broker.view_contract",
    "broker.view_contractfile",
    *(f"broker.{verb}_tradingday" for verb in ("add", "change", "delete", "view")),
    "systemcache.add_apitoken",
    "systemcache.clear_cache",
    "systemcache.delete_apitoken",
    "systemcache.view_apitoken",
    "systemcache.view_cache",
    "systemcache.view_clearrecord",
    "tradingsite.delete_loginattempt",
    "tradingsite.view_loginattempt",
)
GROUPS = {"viewer": VIEWER, "trader": TRADER, "operator": OPERATOR}
LAST_APP = "alerts"  # of those whose permissions the groups have, in the order of INSTALLED_APPS


def make_missing(sender: AppConfig, using: str, apps: Apps = installed_apps, **kwargs: Any) -> None:
    """After migrations: make the groups that are not there. One that is there stays as it is."""
    create_permissions(sender, verbosity=0, using=using, apps=apps)  # Django's own receiver may come after this one
    try:
        groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # a migration of one app alone, before the tables of users exist
        return
    there = set(groups.objects.using(using).values_list("name", flat=True))
    for name in GROUPS.keys() - there:
        owners = {right.partition(".")[0] for right in GROUPS[name]}
        rows = permissions.objects.using(using).filter(content_type__app_label__in=owners)
        found = {f"{row.content_type.app_label}.{row.codename}": row for row in rows.select_related("content_type")}
        if found.keys() >= set(GROUPS[name]):  # otherwise the tables are not up to date yet
            groups.objects.using(using).create(name=name).permissions.set([found[right] for right in GROUPS[name]])
