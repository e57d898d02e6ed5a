"""Commands that are done before all of Django's checks would be."""

from django.core.checks import Tags
from django.core.management.base import BaseCommand


class QuickCommand(BaseCommand):
    """Checks the caches' settings alone: the other checks import whatever the site serves, a third of a second's work.

    `manage.py check` and `migrate` do all of them.
    """

    requires_system_checks = (Tags.caches,)
