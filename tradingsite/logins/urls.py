"""The login under the addresses and names of Django REST framework, whose pages link to them."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dashboard.views.login import SiteLoginView

app_name = "rest_framework"
urlpatterns = [
    path("login/", SiteLoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
