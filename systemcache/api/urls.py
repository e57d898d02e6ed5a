"""URLs below /api/system/."""

from django.urls import path

from systemcache.api import views

urlpatterns = [
    path("cache/stats/", views.StatsView.as_view(), name="cache-stats"),
    path("cache/clear/", views.ClearView.as_view(), name="cache-clear"),
    path("cache/families/", views.FamiliesView.as_view(), name="cache-families"),
    path("cache/keys/", views.KeysView.as_view(), name="cache-keys"),
    path("cache/warm/", views.WarmView.as_view(), name="cache-warm"),
    path("health/", views.HealthView.as_view(), name="health"),
]
