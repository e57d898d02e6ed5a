"""The trader's pages as a Django app, so that Django finds their templates and static files."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Trader's pages"
