"""Corrections of the shipped calendar, and what has been announced since."""

from django.db import models

from broker.values import Exchange

EXCHANGES = [(str(exchange), str(exchange)) for exchange in Exchange if exchange is not Exchange.INDICES]


class TradingDay(models.Model):
    """The hours of an exchange on a day; it takes the place of the shipped calendar's row of that day.

    With `weekly` the hours are those of all weekdays from that day on.
    """

    exchange = models.CharField(max_length=12, choices=EXCHANGES)
    day = models.DateField()
    weekly = models.BooleanField("all weekdays from then on", default=False)
    hours = models.CharField(
        max_length=80,
        help_text="closed, unknown, regular, or times such as 09:00-16:00 (IST). A second end, as in "
        "09:00-23:30/23:55, holds while the US has no daylight saving time.",
    )
    reason = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=200, blank=True, help_text="the exchange's circular, for example")

    class Meta:
        ordering = ("-day", "exchange")
        constraints = (
            models.UniqueConstraint(fields=("exchange", "day", "weekly"), name="broker_one_row_per_trading_day"),
        )

    def __str__(self) -> str:
        return f"{self.exchange} {'from ' if self.weekly else ''}{self.day}: {self.hours}"
