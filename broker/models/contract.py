"""Contracts from the broker's files, and the state of each file (iifl_api §5)."""

from django.db import models
from django.db.models.functions import Upper


class ContractFile(models.Model):
    """One of the broker's files, such as NSEFO or INDICES. Its contracts are those of the live `generation`.

    A refresh writes another generation and then makes it the live one, so a reader sees either the old rows or the new
    ones. `source` is the server they came from, because the same instrument id on another server is another instrument.
    """

    file = models.CharField(max_length=12, primary_key=True)
    source = models.CharField(max_length=200, blank=True, default="")
    generation = models.BigIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField("size in bytes", default=0)
    seconds = models.FloatField("seconds it took", default=0)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    # The refresher at work; a claim that is not renewed expires (see contracts/replace.py).
    last_generation = models.BigIntegerField(default=0, editable=False)
    claim = models.CharField(max_length=32, blank=True, default="", editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        default_permissions = ("view",)
        ordering = ("file",)

    def __str__(self) -> str:
        return self.file


class Contract(models.Model):
    """A row of a contract file; in INDICES its `exchange` differs from the file's name."""

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
    lot_size = models.BigIntegerField(null=True, blank=True)
    tick_size = models.DecimalField(max_digits=26, decimal_places=8, null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index("file", "generation", Upper("symbol"), name="broker_contract_by_symbol"),
            # For look-ups by trading symbol, and for the order of pages.
            models.Index("file", "generation", Upper("trading_symbol"), "id", name="broker_contract_by_trading"),
        )

    def __str__(self) -> str:
        return f"{self.trading_symbol} ({self.exchange})"
