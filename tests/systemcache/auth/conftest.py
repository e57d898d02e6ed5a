"""A row that people and programs may change."""

import pytest

from watchlist.models import TradingSetting


@pytest.fixture(autouse=True)
def setting(redis_store: object, transactional_db: None) -> TradingSetting:
    """A test that commits leaves the tables empty, without the rows that migrations make."""
    row, _ = TradingSetting.objects.get_or_create(key="max_positions", defaults={"kind": "integer", "value": "5"})
    return row
