"""Logs in to the broker for the day."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker import conf, login
from broker.errors import BrokerError
from systemcache.management.quick import QuickCommand


class Command(QuickCommand):
    help = "Log in to the broker for the day. Without a code it prints the address of the login page, which gives one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--auth-code", metavar="CODE", help="the code that the login page gave; it works once")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["auth_code"]:
            self.stdout.write(login.address())
            return
        try:
            login.come_back({"authcode": options["auth_code"]})
        except BrokerError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Logged in as {conf.client_id()} until midnight (IST).")
