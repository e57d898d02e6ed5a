"""System checks: a mistake in a family, a view or a setting is reported at the start instead of failing later.

Those tagged `caches` look at settings and families alone. They also run before every quick command and when a worker
starts (exit_on_errors).
"""

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags
from django.db import connections
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver

from systemcache import families
from systemcache.families import Family
from systemcache.invalidation import triggers


def register() -> None:
    for check in (check_ttls, check_prefix, check_registration):
        checks.register(check, Tags.caches)
    checks.register(check_views, Tags.urls)
    checks.register(check_triggers, Tags.database)


def exit_on_errors() -> None:
    """End a web worker that is starting, with one sentence for each error of the checks tagged `caches`."""
    messages = checks.run_checks(tags=[Tags.caches])
    if errors := [message for message in messages if message.is_serious() and not message.is_silenced()]:
        sys.exit("\n".join(f"Configuration: {error.msg} {error.hint} ({error.id})" for error in errors))


def check_ttls(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    return [
        Error(
            f"The family {family.name!r} has no TTL.",
            hint=f"Add {family.name!r} to CACHE_TTLS, in whole seconds above 0.",
            id="systemcache.E001",
        )
        for family in families.registered()
        if not _is_ttl(settings.CACHE_TTLS.get(family.name))
    ]


def _is_ttl(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def check_prefix(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    if re.fullmatch(r"[A-Za-z0-9_:-]+", settings.CACHE_PREFIX):
        return []
    return [
        Error(
            f"CACHE_PREFIX is {settings.CACHE_PREFIX!r}.",
            hint="Use letters, digits, colon, - and _ only.",
            id="systemcache.E002",
        )
    ]


def check_registration(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    """A family that is not registered could neither be cleared nor be seen by operators."""
    registered = families.registered()
    return [
        Error(
            f"The family {family.name!r} ({place}) is not registered.",
            hint="Call families.register() for it in its app's AppConfig.ready().",
            id="systemcache.E003",
        )
        for place, family in _declared_families()
        if family not in registered
    ]


def check_triggers(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Each watched table has its triggers. A warning: an error would refuse `migrate`, which makes them.

    Django runs it for `migrate`, and for `check --database default`.
    """
    return [
        checks.Warning(
            f"The table {table!r} has not all its triggers: what other programs write to it is not heard of.",
            hint="Run `manage.py migrate`, which makes and enables them.",
            id="systemcache.W001",
        )
        for alias in databases or ()
        for table in triggers.missing(connections[alias])
    ]


def _declared_families() -> Iterator[tuple[str, Family[Any]]]:
    """The families that stand in the loaded modules of installed apps, each with the first name found for it."""
    seen: list[Family[Any]] = []
    packages = tuple(f"{config.name}." for config in apps.get_app_configs())
    for module in [module for name, module in sorted(sys.modules.items()) if f"{name}.".startswith(packages)]:
        for name, value in list(vars(module).items()):
            if type(value) is Family and value not in seen:
                seen.append(value)
                yield f"{module.__name__}.{name}", value


def check_views(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:
    """A view that names a family names a registered one, and lets in only callers who may see its values."""
    return [message for view in _view_classes(get_resolver()) for message in _errors_of_view(*view)]


def _view_classes(resolver: URLResolver) -> Iterator[tuple[Any, Any]]:
    """The classes behind the URLs, each with the function that `as_view()` made of it."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _view_classes(pattern)
        elif isinstance(pattern, URLPattern):
            function = pattern.callback
            if class_ := getattr(function, "cls", None) or getattr(function, "view_class", None):
                yield class_, function


def _errors_of_view(class_: Any, function: Any) -> Iterator[CheckMessage]:
    from systemcache.per_view.mixins import CachedReadMixin  # quick commands do without DRF

    name, family = f"{class_.__module__}.{class_.__name__}", getattr(class_, "family", None)
    if not isinstance(family, Family):
        if issubclass(class_, CachedReadMixin):
            yield Error(
                f"The view {name} names no family.", hint="Set `family` to a registered Family.", id="systemcache.E004"
            )
    elif family not in families.registered():
        yield Error(
            f"The view {name} names the family {family.name!r}, which is not registered.",
            hint="Call families.register() for it in its app's AppConfig.ready().",
            id="systemcache.E005",
        )
    elif family.secret:
        yield Error(
            f"The view {name} names the family {family.name!r}, which is secret.",
            hint="Nobody may see the values of a secret family.",
            id="systemcache.E006",
        )
    elif not _asks_for_permission(class_, function, family):
        yield Error(
            f"The view {name} lets in callers who may not see the family {family.name!r}.",
            hint="Make it a CachedView; a get_permissions() of its own begins with super().get_permissions().",
            id="systemcache.E007",
        )


def _asks_for_permission(class_: Any, function: Any, family: Family[Any]) -> bool:
    """Whether a GET requires the family's permission, according to the permission objects that the view itself
    creates."""
    from systemcache.per_view.permissions import HasPermission

    if not hasattr(class_, "get_permissions"):
        return False
    view = class_(**getattr(function, "initkwargs", {}))
    view.request = HttpRequest()
    view.request.method = "GET"
    view.action = (getattr(function, "actions", None) or {}).get("get")
    permissions = view.get_permissions()
    return any(isinstance(asked, HasPermission) and asked.permission == family.permission for asked in permissions)
