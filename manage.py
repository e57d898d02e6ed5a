#!/usr/bin/env python
"""Django's command line for this site."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:
        # A wrong value in the environment is its owner's to mend: the sentence says how, a traceback would hide it.
        if "--traceback" in arguments:
            raise
        sys.exit(f"Configuration: {error}")


if __name__ == "__main__":
    main(sys.argv)
