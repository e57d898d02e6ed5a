"""/api/watchlist/…, /api/signals/…, /api/settings/…"""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from watchlist import views

router = SimpleRouter()
router.register("watchlist", views.WatchlistViewSet, basename="watchlist")
router.register("signals", views.SignalViewSet, basename="signals")

urlpatterns = [
    path("", include(router.urls)),
    path("settings/", views.SettingsView.as_view(), name="settings"),
    path("settings/<slug:key>/", views.SettingView.as_view(), name="setting"),
]
