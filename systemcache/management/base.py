"""Base classes of the site's commands: they start fast, and --help can end with examples."""

from argparse import RawDescriptionHelpFormatter
from textwrap import fill
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

HELP_WIDTH = 78


class _ExamplesFormatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Keeps the line breaks of the examples."""


class QuickCommand(BaseCommand):
    """Runs only the checks of the cache settings; the others import all views, which takes a third of a second.

    `manage.py check` and `migrate` run all checks.
    """

    requires_system_checks = (Tags.caches,)


class DocumentedCommand(QuickCommand):
    """`help` is the description in --help, `examples` the text at its end."""

    examples = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        options = {"epilog": self.examples.strip("\n"), "formatter_class": _ExamplesFormatter, **kwargs}
        parser = super().create_parser(prog_name, subcommand, **options)
        parser.description = fill(self.help, HELP_WIDTH)
        return parser
