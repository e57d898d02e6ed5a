"""Probes for container engines, proxies and orchestrators: plain text, without a login.

They are middleware, before all others, so that they answer on any address and by HTTP, whatever DJANGO_ALLOWED_HOSTS
and DJANGO_HTTPS say: a probe asks the process itself, by its address.
"""

from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from systemcache import process_state
from systemcache.operations import health

Handler = Callable[[HttpRequest], HttpResponse]


def probes(get_response: Handler) -> Handler:
    """Answer /livez (this process serves requests) and /readyz (so does its database, and no migration is missing)."""
    answers = {"/livez": _live, "/readyz": _ready}

    def middleware(request: HttpRequest) -> HttpResponse:
        answer = answers.get(request.path_info.rstrip("/"))
        if answer is None:
            return get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"), content_type="text/plain")
        response = answer()
        response["Cache-Control"] = "no-store"
        return response

    return middleware


def _live() -> HttpResponse:
    """Depends on nothing: a process that is restarted because its database is away would be no better for it."""
    return _text(200, "live")


def _ready() -> HttpResponse:
    """Depends on the database alone: without Redis and without the broker the site goes on."""
    missing: list[int] = []
    if not health.ask_database(lambda: missing.append(_migrations.count_missing())):
        return _text(503, "not ready: the database does not answer")
    if missing[0]:
        number = "a migration is" if missing[0] == 1 else f"{missing[0]} migrations are"
        return _text(503, f"not ready: {number} not applied; run `manage.py migrate`")
    return _text(200, "ready")


def _text(status: int, line: str) -> HttpResponse:
    return HttpResponse(f"{line}\n", status=status, content_type="text/plain; charset=utf-8")


class _Migrations:
    """Which migrations this version needs: all files are read once, after that one query compares."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._needed: frozenset[tuple[str, str]] | None = None

    def count_missing(self) -> int:
        """How many migrations are not applied. A newer version's are none of ours. Raises DatabaseError."""
        connection = connections[DEFAULT_DB_ALIAS]
        applied = MigrationRecorder(connection).applied_migrations().keys()
        if self._needed is not None and self._needed <= applied:
            return 0
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not missing:
            self._needed = frozenset(applied)
        return len(missing)


_migrations = process_state.register(_Migrations())
