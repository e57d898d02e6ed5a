"""Makes an API token for a user and prints it once."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from systemcache.management.quick import QuickCommand
from systemcache.models import ApiToken


class Command(QuickCommand):
    help = "Make an API token for a user and print it. It cannot be shown again; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user's name")
        parser.add_argument("--name", default="program", help="what will use the token (shown in the admin)")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        try:
            user = users.objects.get_by_natural_key(options["user"])
        except users.DoesNotExist:
            raise CommandError(f"There is no user {options['user']!r}.") from None
        self.stdout.write(ApiToken.issue(user, options["name"]))
