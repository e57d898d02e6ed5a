"""Trading settings, which can be changed while the site runs."""

import logging

from django.core.exceptions import ValidationError
from django.db import models

from watchlist.models import kinds
from watchlist.models.columns import not_empty, one_of
from watchlist.models.kinds import Kind, Typed

logger = logging.getLogger(__name__)


class TradingSetting(models.Model):
    """A named value for trading, stored as text; `kind` says how to read it."""

    key = models.SlugField(max_length=60, unique=True, help_text="The name that programs use; fixed once it is made.")
    kind = models.CharField(max_length=10, choices=Kind, help_text="What the value may be; fixed once it is made.")
    value = models.CharField(
        max_length=kinds.MAX_TEXT_LENGTH, blank=True, help_text="See the description for its unit."
    )
    description = models.CharField(max_length=300, blank=True, help_text="What it does, and its unit.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("key",)
        constraints = (not_empty("key"), one_of("kind", Kind.values))

    def __str__(self) -> str:
        return self.key

    @property
    def typed(self) -> Typed | None:
        """The value; None if it cannot be read, because SQL has stored what the kind does not allow."""
        value = kinds.typed(self.kind, self.value)
        if value is None:
            logger.warning("watchlist: the setting %s cannot be read: its value is no %s.", self.key, self.kind)
        return value

    def assign(self, given: object) -> None:
        """Set a value from JSON or a form, without saving. Raises ValidationError if it is of the wrong kind."""
        try:
            self.value = kinds.canonical(self.kind, given)
        except ValidationError as error:
            raise ValidationError({"value": error.messages}) from error

    def clean(self) -> None:
        if self.kind in Kind.values:
            self.assign(self.value)
