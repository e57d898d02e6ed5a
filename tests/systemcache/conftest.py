"""The samples are registered, with TTLs, for each test of the cache."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.systemcache.samples import SAMPLES, registered_samples


@pytest.fixture(autouse=True)
def samples(settings: Settings) -> Iterator[None]:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, **{family.name: 60 for family in SAMPLES}}
    with registered_samples():
        yield
