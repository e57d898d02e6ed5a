"""Contracts as the broker's files list them, and how each file stands (iifl_api §5)."""

from django.db import models
from django.db.models.functions import Upper


class ContractFile(models.Model):
    """One file of the broker's, such as NSEFO or INDICES. Its contracts are those of its live generation.

    A refresh writes a generation beside the live one and then points here at it, so a reader meets the old rows or the
    new ones. `source` is where the rows come from: instrument ids of another server mean other instruments.
    """

    file = models.CharField(max_length=12, primary_key=True)
    source = models.CharField(max_length=200, blank=True, default="")
    generation = models.BigIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField("size in bytes", default=0)
    seconds = models.FloatField("seconds it took", default=0)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    # Who refreshes it now; a claim that is not renewed ends by itself (see contract_swap.py).
    last_generation = models.BigIntegerField(default=0, editable=False)
    claim = models.CharField(max_length=32, blank=True, default="", editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        default_permissions = ("view",)
        ordering = ("file",)

    def __str__(self) -> str:
        return self.file


class Contract(models.Model):
    """A row of a contract file; `exchange` is the row's own, which in INDICES is not the file's name."""

    id = models.BigAutoField(primary_key=True)
    file = models.ForeignKey(ContractFile, on_delete=models.CASCADE, db_index=False, db_column="file")
    generation = models.BigIntegerField()
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    series = models.CharField(max_length=64, blank=True)
    trading_symbol = models.CharField(max_length=64)
    instrument_id = models.CharField(max_length=32)
    name = models.CharField(max_length=200, blank=True)
    instrument_type = models.CharField(max_length=16, blank=True)
    option_type = models.CharField(max_length=16, blank=True)
    strike_price = models.DecimalField(max_digits=26, decimal_places=8, null=True, blank=True)
    expiry = models.DateField(null=True, blank=True)
    lot_size = models.BigIntegerField()
    tick_size = models.DecimalField(max_digits=26, decimal_places=8, null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index("file", "generation", Upper("symbol"), name="broker_contract_by_symbol"),
            # Looks a trading symbol up, and lists a file in the order of its pages.
            models.Index("file", "generation", Upper("trading_symbol"), "id", name="broker_contract_by_trading"),
        )

    def __str__(self) -> str:
        return f"{self.trading_symbol} ({self.exchange})"
