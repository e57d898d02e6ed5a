"""Trading days in the admin: corrections of the shipped calendar."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from broker.calendar import hours
from broker.calendar.hours import InvalidHours
from broker.models import TradingDay


class TradingDayForm(forms.ModelForm[TradingDay]):
    class Meta:
        model = TradingDay
        fields = ("exchange", "day", "weekly", "hours", "reason", "source")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if "hours" in values:
            try:
                hours.check(values["hours"], weekly=values["weekly"])
            except InvalidHours as error:
                self.add_error("hours", ValidationError(str(error)))
        return values


@admin.register(TradingDay)
class TradingDayAdmin(admin.ModelAdmin[TradingDay]):
    """Each row takes the place of the shipped calendar's; `importcalendar` adds those of a file and prints them all."""

    form = TradingDayForm
    list_display = ("day", "exchange", "hours", "weekly", "reason", "source")
    list_filter = ("exchange", "weekly")
    search_fields = ("reason", "source")
    date_hierarchy = "day"
