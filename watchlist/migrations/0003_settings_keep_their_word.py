"""Settings that nothing enforces go, and the others say what they do."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GONE = (
    ("auto_trade", "boolean", "false", "Whether approved signals may be carried out without another look at them."),
    ("risk_per_trade", "fraction", "0.02", "Share of the capital that one trade may lose; 0.02 is 2 %."),
)
DESCRIPTIONS = {
    "max_daily_loss": "Share of the capital that may be lost in a day; 0.05 is 5 %, 1 is no limit. Beyond it, only "
    "orders that reduce a position are accepted.",
    "max_positions": "Positions that may be open at the same time, working orders counted. Beyond it, only orders for "
    "these are accepted.",
    "min_liquidity": "Shares traded a day, on average over 20 days; no signal is generated for a symbol that trades less.",
}


def keep_word(apps: Apps, schema_editor: BaseDatabaseSchemaEditor | None) -> None:
    settings = apps.get_model("watchlist", "TradingSetting").objects
    settings.filter(key__in=[key for key, *_ in GONE]).delete()
    for key, description in DESCRIPTIONS.items():
        settings.filter(key=key).update(description=description)
    # The outbox: cached settings are invalidated by the running site.
    apps.get_model("systemcache", "PendingInvalidation").objects.create(tags=["settings"])


def restore(apps: Apps, schema_editor: BaseDatabaseSchemaEditor | None) -> None:
    settings = apps.get_model("watchlist", "TradingSetting").objects
    for key, kind, value, description in GONE:
        settings.get_or_create(key=key, defaults={"kind": kind, "value": value, "description": description})


class Migration(migrations.Migration):
    dependencies = [
        ("watchlist", "0002_default_settings"),
        ("systemcache", "0002_clearrecord_pendinginvalidation"),
    ]

    operations = [migrations.RunPython(keep_word, restore)]
