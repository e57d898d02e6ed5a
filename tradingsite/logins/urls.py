"""The login at the addresses and names that Django REST framework's pages link to."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dashboard.views.login import SiteLoginView

app_name = "rest_framework"
urlpatterns = [
    path("login/", SiteLoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
