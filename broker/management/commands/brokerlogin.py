"""Logs in to the broker for the day."""

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker import conf
from broker.errors import BrokerError
from broker.iifl import login
from systemcache.management.base import QuickCommand


class Command(QuickCommand):
    help = "Log in to the broker for the day. Without a code, print the URL of the login page, which gives one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--auth-code",
            metavar="CODE",
            help="the code from the login page, which works once; - reads it from the terminal or the standard input, "
            "so that it stands in no list of processes and in no history",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        code = options["auth_code"]
        if conf.simulated() and not code:
            self.stdout.write("The broker is the simulator, to which the site logs in by itself.")
            return
        if not code:
            self.stdout.write(login.login_url())
            return
        if code == "-":
            code = getpass("Code: ") if sys.stdin.isatty() else sys.stdin.readline()
        try:
            login.complete_login({"authcode": code})
        except BrokerError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Logged in as {conf.client_id()} until midnight (IST).")
