"""What a request was authenticated with, in a form that can be kept on record."""

from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from systemcache.auth.identity import TokenIdentity

MARK_LENGTH = 12  # hexadecimal digits: enough to tell sessions apart, and nothing to log in with


def credential_of(request: Request) -> str:
    """Name the token by its number and name, and the session by a mark that does not lead back to its key."""
    if isinstance(request.auth, TokenIdentity):
        return f"token {request.auth.id} ({request.auth.name})"
    return session_credential(request)


def session_credential(request: HttpRequest) -> str:
    """Name the session of a page's request; empty if it has none."""
    key = request.session.session_key
    return f"session {salted_hmac('broker.api.credentials', key).hexdigest()[:MARK_LENGTH]}" if key else ""
