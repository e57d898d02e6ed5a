"""/api/alerts/…"""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from alerts import views

router = SimpleRouter()
router.register("alerts", views.AlertViewSet, basename="alerts")

urlpatterns = [path("", include(router.urls))]
