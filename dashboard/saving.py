"""Saves what a page's form holds, by the serializer of the API."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.serializers import BaseSerializer

from broker.errors import BrokerError
from systemcache.errors import CacheError


def save(serializer: BaseSerializer[Any]) -> Any:
    """Save what is valid; return the errors by field otherwise, and none if it is saved."""
    try:
        if not serializer.is_valid():
            return serializer.errors
        serializer.save()
    except ValidationError as error:
        return error.detail
    except (BrokerError, CacheError) as error:
        return {"symbol": [str(error)]}
    return {}
