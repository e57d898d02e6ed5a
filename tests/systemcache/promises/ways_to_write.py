"""Ways to write to watched tables, each tried on the database of DATABASE_URL; `python -m` tells the outcome in JSON.

Of each way: what the process itself invalidates before the write is answered, what its triggers record, and what is
recorded when there are no triggers.
"""

import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import django
import psycopg

django.setup()

from django.contrib.auth.models import Group, Permission, User  # noqa: E402 - needs Django
from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

from systemcache.errors import StoreUnavailable  # noqa: E402
from systemcache.invalidation import statements, triggers  # noqa: E402
from systemcache.models import ApiToken, PendingInvalidation  # noqa: E402
from systemcache.storage import generations  # noqa: E402
from watchlist.models import WatchlistItem  # noqa: E402

IDENTITIES = {"token", "user"}
LISTS = {"watchlist"}
ALERTS = {"alerts", "recent_alerts", "watched_alerts"}
NOTHING: set[str] = set()


numbers = itertools.count()


class World:
    """Rows to write to, new for each try."""

    def __init__(self) -> None:
        for model in (WatchlistItem, User, Group, Session):
            model._base_manager.all().delete()
        ContentType.objects.filter(app_label__startswith="made").delete()
        self.item = WatchlistItem.objects.create(symbol="TCS", category="hold")
        self.user, self.other = User.objects.create_user("alice"), User.objects.create_user("bob")
        self.group = Group.objects.create(name="traders")
        kind = ContentType.objects.create(app_label="made", model="thing")
        self.permission = Permission.objects.create(codename="see", name="See", content_type=kind)
        self.user.groups.add(self.group)
        self.user.user_permissions.add(self.permission)
        self.group.permissions.add(self.permission)
        self.token = ApiToken.objects.create(user=self.user, name="t", digest="0" * 64)
        self.live = Session.objects.create(
            session_key="live", session_data="", expire_date=datetime(2999, 1, 1, tzinfo=UTC)
        )
        self.dead = Session.objects.create(
            session_key="dead", session_data="", expire_date=datetime(2001, 1, 1, tzinfo=UTC)
        )


class Trader(User):
    class Meta:
        proxy = True
        app_label = "watchlist"


def changed(row: Any, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def historical(app: str, model: str) -> Any:
    """The model as a data migration gets it: without signals and without our managers."""
    return MigrationExecutor(connection).loader.project_state().apps.get_model(app, model)


def query(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def other_program(sql: str) -> None:
    """As psql and the sqlite3 shell do."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as shell, shell:
            shell.execute(sql)
    else:
        with psycopg.connect(os.environ["DATABASE_URL"]) as other:
            other.execute(sql.encode())


def after_a_model_was_defined(world: World) -> None:
    """Django empties its caches of managers then."""
    meta = type("Meta", (), {"app_label": "watchlist"})
    type(f"Later{next(numbers)}", (models.Model,), {"__module__": "watchlist.models", "Meta": meta})
    User.objects.filter(pk=world.user.pk).update(is_active=False)


def without_autocommit(world: World) -> None:
    transaction.set_autocommit(False)
    try:
        changed(world.group, name="first")
        connection.commit()
        changed(world.item, notes="x")
        connection.commit()
    finally:
        connection.rollback()
        transaction.set_autocommit(True)


def by_hand_savepoint(world: World) -> None:
    with transaction.atomic():
        savepoint = transaction.savepoint()
        changed(world.item, notes="x")
        transaction.savepoint_rollback(savepoint)
        changed(world.item, notes="y")


def beside_a_hook_that_raises(world: World) -> None:
    def fail() -> None:
        raise RuntimeError

    try:
        with transaction.atomic():
            transaction.on_commit(fail)
            changed(world.item, notes="x")
    except RuntimeError:
        pass


Way = Callable[[World], object]

# What an ORM write or SQL of this process invalidates at once, and its triggers record.
SEEN_AT_ONCE: dict[str, tuple[Way, set[str]]] = {
    "save": (lambda w: changed(w.item, notes="x"), LISTS),
    "create": (lambda w: WatchlistItem.objects.create(symbol="INFY", category="hold"), LISTS),
    "bulk_create": (lambda w: WatchlistItem.objects.bulk_create([WatchlistItem(symbol="A", category="hold")]), LISTS),
    "update": (lambda w: WatchlistItem.objects.update(notes="x"), LISTS),
    "bulk_update": (lambda w: WatchlistItem.objects.bulk_update([w.item], ["notes"]), LISTS),
    "delete": (lambda w: w.item.delete(), LISTS),
    "delete of a queryset": (lambda w: WatchlistItem.objects.all().delete(), LISTS),
    "_base_manager": (lambda w: WatchlistItem._base_manager.update(notes="x"), LISTS),
    "_raw_delete": (lambda w: WatchlistItem.objects.all()._raw_delete("default"), LISTS),
    "raw SQL": (lambda w: query("UPDATE watchlist_watchlistitem SET notes = 'x'"), LISTS),
    "raw SQL in lower case": (lambda w: query("delete from watchlist_watchlistitem"), LISTS),
    "WITH": (
        lambda w: query(
            "WITH x AS (SELECT 1) UPDATE watchlist_watchlistitem SET notes = 'x' WHERE 1 IN (SELECT 1 FROM x)"
        ),
        LISTS,
    ),
    "a data migration": (lambda w: historical("watchlist", "WatchlistItem").objects.update(notes="x"), LISTS),
    "a through row is created": (
        lambda w: User.groups.through.objects.create(user=w.other, group=w.group),
        IDENTITIES,
    ),
    "a through row is saved": (
        lambda w: changed(User.groups.through.objects.get(), user=w.other),
        IDENTITIES,
    ),
    "a through row is deleted": (lambda w: User.user_permissions.through.objects.get().delete(), IDENTITIES),
    "a group's through row is deleted": (lambda w: Group.permissions.through.objects.all().delete(), IDENTITIES),
    "a related manager updates users": (lambda w: w.group.user_set.update(is_active=False), IDENTITIES),
    "a related manager updates tokens": (lambda w: w.user.api_tokens.update(user=w.other), {"token"}),
    "a related manager deletes tokens": (lambda w: w.user.api_tokens.all()._raw_delete("default"), {"token"}),
    "tokens are added to another user": (lambda w: w.other.api_tokens.add(w.token), {"token"}),
    "tokens are set of another user": (lambda w: w.other.api_tokens.set([w.token]), {"token"}),
    "many-to-many add": (lambda w: w.other.groups.add(w.group), IDENTITIES),
    "many-to-many clear": (lambda w: w.user.user_permissions.clear(), IDENTITIES),
    "permissions are updated": (
        lambda w: Permission.objects.filter(pk=w.permission.pk).update(codename="other"),
        IDENTITIES,
    ),
    "a content type is saved": (lambda w: changed(w.permission.content_type, app_label="made2"), IDENTITIES),
    "a proxy's save": (lambda w: changed(Trader.objects.get(username="alice"), is_active=False), IDENTITIES),
    "a proxy's update": (lambda w: Trader.objects.update(is_active=False), IDENTITIES),
    "a proxy's delete": (lambda w: Trader.objects.get(username="alice").delete(), IDENTITIES),
    "update after a model was defined": (after_a_model_was_defined, IDENTITIES),
    "a session is deleted": (lambda w: w.live.delete(), {"session"}),
    "a savepoint that was rolled back by hand": (by_hand_savepoint, LISTS),
    "beside a hook that raises": (beside_a_hook_that_raises, LISTS),
}
# What only triggers see at once.
SEEN_BY_TRIGGERS: dict[str, tuple[Way, set[str]]] = {
    "without autocommit, twice": (without_autocommit, LISTS | IDENTITIES),
    "another program's UPDATE": (lambda w: other_program("UPDATE auth_user SET is_active = false"), IDENTITIES),
    "another program's DELETE": (lambda w: other_program("DELETE FROM systemcache_apitoken"), {"token"}),
    "another program's INSERT": (
        lambda w: other_program(
            f"INSERT INTO auth_user_groups (user_id, group_id) VALUES ({w.other.pk}, {w.group.pk})"
        ),
        IDENTITIES,
    ),
}
POSTGRESQL_ONLY: dict[str, tuple[Way, set[str]]] = {
    "TRUNCATE": (lambda w: other_program("TRUNCATE watchlist_watchlistitem"), LISTS),
    "as a replica": (
        lambda w: other_program("SET session_replication_role = replica; UPDATE auth_user SET is_active = false"),
        IDENTITIES,
    ),
}
SQLITE_ONLY: dict[str, tuple[Way, set[str]]] = {
    "REPLACE": (
        lambda w: other_program(
            "REPLACE INTO systemcache_apitoken (name, digest, user_id, created_at)"
            f" VALUES ('t', '{'0' * 64}', {w.other.pk}, '2026-01-01')"
        ),
        {"token"},
    ),
}
# What changes nothing that anybody is shown.
UNSEEN: dict[str, Way] = {
    "last_login": lambda w: changed_fields(w.user, last_login=datetime(2026, 1, 1, tzinfo=UTC)),
    "last_login in bulk": lambda w: User.objects.update(last_login=datetime(2026, 1, 1, tzinfo=UTC)),
    "a token's last use": lambda w: ApiToken.objects.update(last_used_at=datetime(2026, 1, 1, tzinfo=UTC)),
    "expired sessions": lambda w: other_program("DELETE FROM django_session WHERE session_key = 'dead'"),
    "a new session": lambda w: Session.objects.create(session_key="n", session_data="", expire_date=w.live.expire_date),
    "a new user": lambda w: User.objects.create_user("carol"),
    "no rows": lambda w: other_program("UPDATE watchlist_watchlistitem SET notes = 'x' WHERE id < 0"),
}


def changed_fields(row: Any, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))


@contextmanager
def unwatched() -> Iterator[None]:
    connection.execute_wrappers.remove(statements.watch_statement)
    try:
        yield
    finally:
        statements.watch(connection)


def recorded() -> list[str]:
    return sorted({tag for tags in PendingInvalidation.objects.values_list("tags", flat=True) for tag in tags})


def tried(way: Way) -> list[str]:
    """What a way leaves in the outbox, in a process that cannot tell Redis."""
    world = World()
    PendingInvalidation.objects.all().delete()
    with unwatched():
        way(world)
    return recorded()


def told(way: Way) -> list[str]:
    """What a way invalidates in Redis before it is answered; nothing may be left in the outbox."""
    world, tags = World(), set[str]()
    PendingInvalidation.objects.all().delete()
    with mock.patch.object(generations, "invalidate_tags", lambda found, keys=(): tags.update(found)):
        way(world)
    return sorted(tags) + [f"{tag} is left" for tag in recorded()]


def flushed() -> list[str]:
    """What `flush` leaves in the outbox that it empties itself."""
    World()
    with unwatched(), mock.patch.object(generations, "invalidate_tags", side_effect=StoreUnavailable("gone")):
        call_command("flush", interactive=False, verbosity=0)
    return recorded()


def main() -> None:
    own = SQLITE_ONLY if connection.vendor == "sqlite" else POSTGRESQL_ONLY
    call_command("migrate", verbosity=0)
    by_trigger = SEEN_AT_ONCE | {name: (way, tags) for name, (way, tags) in (SEEN_BY_TRIGGERS | own).items()}
    found: dict[str, dict[str, Any]] = {
        "told": {name: told(way) for name, (way, _) in SEEN_AT_ONCE.items()},
        "recorded": {name: tried(way) for name, (way, _) in by_trigger.items()},
        "unseen": {name: tried(way) + told(way) for name, way in UNSEEN.items()},
    }
    expected: dict[str, dict[str, Any]] = {
        "told": {name: sorted(tags) for name, (_, tags) in SEEN_AT_ONCE.items()},
        "recorded": {name: sorted(tags) for name, (_, tags) in by_trigger.items()},
        "unseen": {name: [] for name in UNSEEN},
        "without triggers": {name: [] for name in by_trigger},
    }
    found["flush"] = {"": flushed()}
    expected["flush"] = {
        "": sorted({*LISTS, *IDENTITIES, *ALERTS, "account_state", "calendar", "session", "settings", "signals"})
    }
    triggers.drop_all(connection)
    found["without triggers"] = {name: tried(way) for name, (way, _) in by_trigger.items()}
    json.dump({"found": found, "expected": expected}, sys.stdout)


if __name__ == "__main__":
    main()
