"""Loaded before Django's settings: the run gets a PostgreSQL database of its own and nothing of the caller's machine.

Redis is not here: each test process that needs one starts its own (see conftest.py), and the others see Redis gone.
"""

import os

import pytest

from tests.support.market_data import SHARED_DATA
from tests.support.scheduling import ByGroup
from testservers.postgres import acquire_postgres

# Whatever the caller's shell or .env says: an empty value counts as unset.
for name in ("REDIS_URL", "IIFL_BASE_URL", "IIFL_CLIENT_ID", "IIFL_APP_KEY", "IIFL_APP_SECRET", "DJANGO_DEBUG"):
    os.environ[name] = ""
for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME"):
    os.environ[name] = ""
for name in ("DJANGO_HTTPS", "DJANGO_ALLOWED_HOSTS", "PORT", "HOST", "WEB_WORKERS", "WEB_THREADS"):
    os.environ[name] = ""
for name in [name for name in os.environ if name.startswith(("CACHE_TTL_", "SIMULATOR_"))]:
    os.environ[name] = ""
os.environ["DJANGO_SECRET_KEY"] = "tests-only-" + "x" * 50
os.environ["REDIS_URL"] = "redis://127.0.0.1:1/0"  # nobody listens there: Redis is gone until a test starts one

_is_worker = "PYTEST_XDIST_WORKER" in os.environ
_found = None if _is_worker else acquire_postgres()
if _found:
    # The workers inherit the environment, so one server serves the whole run.
    os.environ["DATABASE_URL"] = _found.url or ""
    os.environ["TEST_DATABASE_KIND"] = f"PostgreSQL ({_found.reason})" if _found.url else f"SQLite: {_found.reason}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup:
    return ByGroup(config, log)


def pytest_report_header(config: pytest.Config) -> list[str]:
    data = "../shared/data" if SHARED_DATA.is_dir() else "a sample that the tests make: ../shared/data is not here"
    return [f"database: {os.environ['TEST_DATABASE_KIND']}", f"market data: {data}"]


def pytest_unconfigure(config: pytest.Config) -> None:
    if _found:
        _found.stop()
