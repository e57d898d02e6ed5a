"""Columns and constraints that several models share."""

from collections.abc import Sequence
from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models

from broker.values import CONTRACT_FILES, Exchange

EXCHANGES = [(exchange.value, exchange.value) for exchange in CONTRACT_FILES]
TICK = Decimal("0.0001")  # rupees; currency pairs are quoted to four places


def symbol_column() -> "models.CharField[str, str]":
    return models.CharField(
        max_length=50, help_text="As the exchange writes it: RELIANCE, M&M. The broker's contract file must know it."
    )


def exchange_column() -> "models.CharField[str, str]":
    return models.CharField(max_length=10, choices=EXCHANGES, default=Exchange.NSEEQ.value)


def rupees_column(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    """An amount above 0, or NULL."""
    return models.DecimalField(
        max_digits=14,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(TICK)],
        help_text=help_text,
    )


def one_of(column: str, values: Sequence[str]) -> models.CheckConstraint:
    return _check(column, "known", models.Q(**{f"{column}__in": list(values)}))


def above_zero(column: str) -> models.CheckConstraint:
    return _check(column, "above_zero", models.Q(**{f"{column}__gt": 0}))


def between(column: str, least: int, most: int) -> models.CheckConstraint:
    return _check(column, "in_range", models.Q(**{f"{column}__gte": least, f"{column}__lte": most}))


def not_empty(column: str) -> models.CheckConstraint:
    return _check(column, "not_empty", ~models.Q(**{column: ""}))


def known_exchange() -> models.CheckConstraint:
    return one_of("exchange", [value for value, _ in EXCHANGES])


def _check(column: str, rule: str, condition: models.Q) -> models.CheckConstraint:
    # Constraint names are unique in the whole database, so include the model's.
    return models.CheckConstraint(condition=condition, name=f"%(class)s_{column}_{rule}")
