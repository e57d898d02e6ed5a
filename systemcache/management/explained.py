"""Commands whose --help a newcomer understands: examples stand below it, as they are typed."""

from argparse import RawDescriptionHelpFormatter
from textwrap import fill
from typing import Any

from django.core.management.base import CommandParser, DjangoHelpFormatter

from systemcache.management.quick import QuickCommand

WIDTH = 78


class _Formatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Keeps the examples' lines."""


class ExplainedCommand(QuickCommand):
    """`help` says what it does, `examples` how it is called."""

    examples = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        options = {"epilog": self.examples.strip("\n"), "formatter_class": _Formatter, **kwargs}
        parser = super().create_parser(prog_name, subcommand, **options)
        parser.description = fill(self.help, WIDTH)
        return parser
