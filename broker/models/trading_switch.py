"""The trading switch, as the record of its changes."""

from django.conf import settings
from django.db import models


class TradingSwitch(models.Model):
    """A change of the trading switch; the newest row is its state, and without a row it is open."""

    class State(models.TextChoices):
        OPEN = "open", "open: orders are placed, changed and cancelled"
        CANCEL_ONLY = "cancel_only", "cancel only: orders are only cancelled"
        HALTED = "halted", "halted: all open orders were cancelled, and orders are only cancelled"

    state = models.CharField(max_length=12, choices=State)
    reason = models.CharField(max_length=200, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="by")
    credential = models.CharField(
        "with", max_length=160, blank=True, help_text="The token, or the mark of the session, that was used."
    )
    since = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        ordering = ("-pk",)
        verbose_name = "change of the trading switch"
        verbose_name_plural = "changes of the trading switch"

    def __str__(self) -> str:
        return f"{self.state} since {self.since:%Y-%m-%d %H:%M:%S}"
