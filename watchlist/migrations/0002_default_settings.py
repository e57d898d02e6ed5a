"""Trading settings to begin with."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

DEFAULTS = (
    ("auto_trade", "boolean", "false", "Whether approved signals may be carried out without another look at them."),
    ("risk_per_trade", "fraction", "0.02", "Share of the capital that one trade may lose; 0.02 is 2 %."),
    ("max_positions", "integer", "10", "Positions that may be open at the same time."),
    ("max_daily_loss", "fraction", "0.05", "Share of the capital that may be lost in a day; 0.05 is 5 %."),
    ("signal_timeout", "integer", "300", "Seconds for which a generated signal can be approved."),
    ("min_price", "decimal", "10", "Rupees; no signal is generated for a symbol that costs less."),
    ("min_liquidity", "integer", "100000", "Shares traded a day, on average, that a symbol should reach to be traded."),
)


def add_defaults(apps: Apps, schema_editor: BaseDatabaseSchemaEditor | None) -> None:
    """What is there stays as it is."""
    settings = apps.get_model("watchlist", "TradingSetting").objects
    for key, kind, value, description in DEFAULTS:
        settings.get_or_create(key=key, defaults={"kind": kind, "value": value, "description": description})


class Migration(migrations.Migration):
    dependencies = [("watchlist", "0001_initial")]

    operations = [
        # Nothing to undo: going further back removes the table.
        migrations.RunPython(add_defaults, migrations.RunPython.noop)
    ]
