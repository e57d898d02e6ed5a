"""Settings that people change while the site runs."""

from django.core.exceptions import ValidationError
from django.db import models

from systemcache.models import WatchedModel
from systemcache.orm import WatchedQuerySet
from watchlist.models import kinds
from watchlist.models.columns import not_empty, one_of
from watchlist.models.kinds import Kind, Typed


class TradingSettingQuerySet(WatchedQuerySet["TradingSetting"]):
    pass


class TradingSetting(WatchedModel):
    """A named value that trading goes by. It is kept as text; `kind` says what it means."""

    key = models.SlugField(max_length=60, unique=True, help_text="The name that programs use; fixed once it is made.")
    kind = models.CharField(max_length=10, choices=Kind, help_text="What the value may be; fixed once it is made.")
    value = models.CharField(max_length=kinds.LONGEST_TEXT, blank=True, help_text="See the description for its unit.")
    description = models.CharField(max_length=300, blank=True, help_text="What it does, and its unit.")
    updated_at = models.DateTimeField(auto_now=True)

    objects = TradingSettingQuerySet.as_manager()

    class Meta:
        ordering = ("key",)
        constraints = (not_empty("key"), one_of("kind", Kind.values))

    def __str__(self) -> str:
        return self.key

    @property
    def typed(self) -> Typed:
        return kinds.typed(self.kind, self.value)

    def assign(self, given: object) -> None:
        """Takes a value from JSON or a form, unsaved. Raises ValidationError when it is not of this setting's kind."""
        try:
            self.value = kinds.canonical(self.kind, given)
        except ValidationError as error:
            raise ValidationError({"value": error.messages}) from error

    def clean(self) -> None:
        if self.kind in Kind.values:
            self.assign(self.value)
