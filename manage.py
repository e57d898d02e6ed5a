#!/usr/bin/env python
"""Django's command line for this site."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main(arguments: list[str]) -> None:
    os.umask(0o077)  # inherited by all that is started here: what the site writes is for its user alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:
        # The sentence tells the user which variable to correct; a traceback would bury it.
        if "--traceback" in arguments:
            raise
        sys.exit(f"Configuration: {error}")


if __name__ == "__main__":
    main(sys.argv)
