"""Creates an API token."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from systemcache.management.base import DocumentedCommand
from systemcache.models import ApiToken

PRIVATE = 0o600


class Command(DocumentedCommand):
    help = (
        "Create an API token for a user and print it, or write it to a file. It cannot be shown again; only its hash "
        "is stored. It ends with the user's password."
    )
    examples = """
examples:
  manage.py createtoken anna --name notebook --scope read --days 90
  manage.py createtoken anna --name prometheus --scope metrics --out var/metrics_token
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="username")
        parser.add_argument(
            "--name", default="program", help="what will use the token; shown in the admin (default: %(default)s)"
        )
        parser.add_argument(
            "--scope",
            choices=ApiToken.Scope.values,
            default=ApiToken.Scope.TRADE.value,
            help="read: GET alone, and nothing for staff; trade: all that the user may do; metrics: /metrics alone "
            "(default: %(default)s)",
        )
        parser.add_argument("--days", type=int, metavar="N", help="how long it is good for (default: without end)")
        parser.add_argument("--out", metavar="FILE", help="a new file, for its owner alone, instead of the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        users, days, name, out = get_user_model(), options["days"], options["name"], options["out"]
        if days is not None and not 1 <= days <= ApiToken.MAX_DAYS:
            raise CommandError(f"--days takes a number from 1 to {ApiToken.MAX_DAYS}.")
        if not 1 <= len(name) <= ApiToken.MAX_NAME:
            raise CommandError(f"--name takes 1 to {ApiToken.MAX_NAME} characters.")
        try:
            user = users.objects.get_by_natural_key(options["user"])
        except users.DoesNotExist:
            raise CommandError(f"There is no user {options['user']!r}.") from None
        if out is None:
            self.stdout.write(ApiToken.issue(user, name, options["scope"], days))
        else:
            _issue_into(Path(out), lambda: ApiToken.issue(user, name, options["scope"], days))
            self.stdout.write(f"The token is in {out}.")


def _issue_into(path: Path, issue: Callable[[], str]) -> None:
    """Write the token to a file that did not exist: none is overwritten, and no link is followed."""
    try:
        # The file first: a token that cannot be written down would be lost, and good.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
    except FileExistsError:
        raise CommandError(f"{path} exists and is not overwritten: remove it, or name another file.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(issue() + "\n")
    except BaseException:
        path.unlink()
        raise
