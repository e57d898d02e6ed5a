"""The record of the trading switch in the admin, read-only; the switch is turned at /api/system/trading."""

from django.contrib import admin

from broker.models import TradingSwitch
from systemcache.admin.read_only import ReadOnlyAdmin


@admin.register(TradingSwitch)
class TradingSwitchAdmin(ReadOnlyAdmin):
    """Who turned the switch, when and why; the newest row is the state."""

    list_display = ("since", "state", "user", "reason", "credential")
    list_filter = ("state", "user")
    list_select_related = ("user",)
    date_hierarchy = "since"
