"""Who the users are: what they do, what they may, and a token for each."""

import json
from dataclasses import dataclass

PASSWORD = "correct horse battery"
ACCOUNT = "broker.view_account"
WATCHLIST = tuple(
    f"watchlist.{verb}_{model}" for verb in ("add", "change", "delete") for model in ("watchlistitem", "signal")
)


@dataclass(frozen=True)
class Kind:
    """`share`: of a hundred users."""

    name: str
    share: int
    permissions: tuple[str, ...] = ()
    staff: bool = False


KINDS = (
    Kind("dashboard", 38, (ACCOUNT,)),
    Kind("charts", 14, (ACCOUNT,)),
    Kind("searcher", 8, (ACCOUNT,)),
    Kind("watcher", 14),
    Kind("writer", 8, (ACCOUNT, *WATCHLIST)),
    Kind("settings_editor", 2, ("watchlist.change_tradingsetting",)),
    Kind("trader", 4, (ACCOUNT, "broker.trade")),
    Kind("browser", 5, (ACCOUNT, "systemcache.view_cache", "watchlist.view_watchlistitem"), staff=True),
    Kind("operator", 3, (ACCOUNT, "systemcache.view_cache", "systemcache.clear_cache"), staff=True),
    Kind("stranger", 2),
    Kind("outsider", 2),
)


def numbers(users: int) -> dict[str, int]:
    """How many of each kind; at least one."""
    return {kind.name: max(1, round(kind.share * users / 100)) for kind in KINDS}


def make(users: int) -> None:
    """Makes them in the database of this process, and prints a line of JSON: kind, name and token of each."""
    from django.contrib.auth.models import Permission, User

    from systemcache.models import ApiToken

    wanted = numbers(users)
    made = []
    for kind in KINDS:
        for number in range(wanted[kind.name]):
            name = f"{kind.name}{number}"
            user = User.objects.create_user(name, is_staff=kind.staff)
            if kind.name == "browser":
                user.set_password(PASSWORD)
                user.save()
            for permission in kind.permissions:
                app, codename = permission.split(".")
                user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
            made.append({"kind": kind.name, "name": name, "token": ApiToken.issue(user, "day")})
    print(json.dumps(made))
