"""People and their programs."""

from django.contrib.auth.models import User
from rest_framework.test import APIClient

from systemcache.models import ApiToken


def client_of(user: User) -> APIClient:
    """A program of this user's, with a token."""
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'test')}")
    return api
