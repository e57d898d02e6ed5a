"""A setting whose list is cached."""

import pytest
from django.contrib.auth.models import User

from testservers.redis_server import RedisServer
from watchlist import selectors
from watchlist.models import Kind, TradingSetting


@pytest.fixture
def setting(transactional_db: None, redis_store: RedisServer) -> TradingSetting:
    made = TradingSetting.objects.create(key="audited", kind=Kind.INTEGER, value="1")
    selectors.trading_settings()
    return made


@pytest.fixture
def user(transactional_db: None, redis_store: RedisServer) -> User:
    return User.objects.create_user("asha", password="correct horse")
