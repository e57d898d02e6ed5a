"""The top floor as a Django app: only so that its management commands are found."""

from django.apps import AppConfig


class TradingSiteConfig(AppConfig):
    name = "tradingsite"
