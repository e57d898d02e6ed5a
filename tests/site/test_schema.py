"""The OpenAPI schema: valid, complete, true, and served from the process."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator
from rest_framework.test import APIClient

from broker import errors as broker_errors
from broker.simulator import Simulator
from broker.values import OrderStatus
from systemcache import errors as cache_errors
from systemcache import events
from tests.site.routes import DOCUMENTED
from tests.support.people import client_of
from testservers.redis_server import RedisServer
from tradingsite import openapi

CACHED = "/api/broker/holdings/"


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(openapi.rendered_schema("json"))


def operations(schema: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def component(schema: Any, reference: str) -> Any:
    return schema["components"]["schemas"][reference.rpartition("/")[2]]


def error_codes(schema: Any, path: str, method: str) -> dict[str, list[str]]:
    """The codes that an operation may answer, by status."""
    responses = schema["paths"][path][method]["responses"]
    errors = {
        status: component(schema, response["content"]["application/json"]["schema"]["$ref"])
        for status, response in responses.items()
        if status >= "400" and (path, status) != ("/api/system/health/", "503")  # no error, but the health
    }
    return {status: error["properties"]["error"]["properties"]["code"]["enum"] for status, error in errors.items()}


def test_the_schema_is_valid(schema: Any) -> None:
    assert list(OpenAPIV31SpecValidator(schema).iter_errors()) == []


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/watchlist/", "get"),
        ("/api/signals/", "get"),
        ("/api/settings/", "get"),
        ("/api/settings/", "put"),
        ("/api/broker/holdings/", "get"),
    ],
)
def test_lists_are_described_with_their_envelope(schema: Any, path: str, method: str) -> None:
    answer = schema["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["type"] == "object"
    assert {"as_of", "stale", "data"} <= answer["properties"].keys()
    assert answer["properties"]["data"]["type"] == "array"


def test_bodies_are_described_as_refusing_unknown_fields(schema: Any) -> None:
    for name in ("WatchlistItemRequest", "PlaceOrderRequest", "LegRequest"):
        assert schema["components"]["schemas"][name]["additionalProperties"] is False


@pytest.mark.slow
def test_a_client_is_generated_for_every_route_without_a_warning(schema: Any, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    programs = Path(sys.executable).parent
    command = [str(programs / "openapi-python-client"), "generate", "--meta=none"]
    done = subprocess.run(
        [*command, "--path=schema.json", "--output-path=client"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},  # it formats the client by ruff
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    modules = [path for path in (tmp_path / "client" / "api").rglob("*.py") if path.name != "__init__.py"]
    assert len(modules) == len(list(operations(schema)))


def test_every_error_of_the_code_has_its_code_in_the_schema(schema: Any) -> None:
    known = schema["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    for module in (broker_errors, cache_errors):
        classes = [found for _, found in inspect.getmembers(module, inspect.isclass) if hasattr(found, "code")]
        assert {class_.code for class_ in classes} <= set(known)
    assert {"parse_error", "not_found", "server_error", "too_large"} <= set(known)


def test_every_operation_names_the_codes_of_its_errors(schema: Any) -> None:
    for path, method, operation in operations(schema):
        errors = error_codes(schema, path, method)
        assert "invalid" in errors["400"]
        known = ["authentication_failed", "not_authenticated"] if "security" in operation else None
        assert errors.get("401") == known


def test_only_orders_answer_what_orders_answer(schema: Any) -> None:
    placing = error_codes(schema, "/api/broker/orders/", "post")
    assert {"order_under_way", "order_not_in_book"} <= set(placing["409"])
    assert "order_outcome_unknown" in placing["504"]
    assert "trading_disabled" in placing["403"]
    reading = error_codes(schema, "/api/broker/orders/", "get")
    assert reading["504"] == ["broker_timeout"]
    assert "409" not in reading
    assert error_codes(schema, "/api/broker/orders/{order_id}/", "get")["404"] == ["not_found", "unknown_order"]


def test_the_stream_names_what_only_it_answers(schema: Any) -> None:
    errors = error_codes(schema, "/stream/", "get")
    assert errors["404"] == ["stream_elsewhere"]
    assert "foreign_origin" in errors["403"]
    assert errors["429"] == errors["503"] == ["too_many_streams"]


def test_the_states_of_an_order_are_listed(schema: Any) -> None:
    states = component(schema, component(schema, "Order")["properties"]["status"]["$ref"])
    assert states["enum"] == sorted(OrderStatus)


def test_moments_are_date_times(schema: Any) -> None:
    """Whatever is called like a moment."""
    moments = {
        (name, field): value
        for name, found in schema["components"]["schemas"].items()
        for field, value in found.get("properties", {}).items()
        if field.endswith(("_at", "_time")) or field == "as_of"
    }
    assert len(moments) > 10
    for place, value in moments.items():
        kinds = [value, *value.get("anyOf", ()), *value.get("oneOf", ())]
        assert any(kind.get("format") == "date-time" for kind in kinds), place


def test_old_names_are_marked_as_deprecated(schema: Any) -> None:
    contracts = schema["paths"]["/api/broker/contracts/{exchange}/"]["get"]["responses"]["200"]
    page = contracts["content"]["application/json"]["schema"]["properties"]
    assert (page["results"]["deprecated"], page["data"].get("deprecated")) == (True, None)
    assert component(schema, "KeysResponse")["properties"]["keys"]["deprecated"] is True


@pytest.mark.django_db
@pytest.mark.parametrize("route", DOCUMENTED)
def test_every_header_that_a_response_carries_is_described(
    schema: Any, make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer, route: str
) -> None:
    """But those of HTTP itself and of every site."""
    admin: APIClient = client_of(make_user("admin", is_staff=True, is_superuser=True))
    if route == "/api/watchlist/{id}/":
        made = admin.post("/api/watchlist", {"symbol": "TCS", "category": "hold"})
        response = admin.get(f"/api/watchlist/{made.json()['id']}")
    else:
        response = admin.get(DOCUMENTED[route])
    assert response.status_code == 200
    described = schema["paths"][route]["get"]["responses"]["200"]["headers"]
    common = {"Allow", "Content-Length", "Content-Type", "Vary", "X-Content-Type-Options", "X-Frame-Options"}
    common |= {"Cross-Origin-Opener-Policy", "Referrer-Policy"}
    # Django itself makes an ETag for what does not come from the cache.
    assert set(response.headers) - common - {"ETag"} <= set(described)
    assert {"X-Request-ID", "Server-Timing"} <= set(described)


def test_errors_that_pass_say_when_to_come_back(schema: Any) -> None:
    responses = schema["paths"][CACHED]["get"]["responses"]
    assert "Retry-After" in responses["503"]["headers"]
    assert "WWW-Authenticate" in responses["401"]["headers"]
    assert set(responses["200"]["headers"]) >= {"X-Cache", "Age", "ETag", "Cache-Control"}
    assert "304" in responses


def test_the_schema_is_made_once_and_asked_for_with_its_etag(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("json", "yaml"):
        first = client.get(f"/api/schema?format={form}")
        monkeypatch.setattr(openapi, "SchemaGenerator", None)
        again = client.get(f"/api/schema?format={form}")
        monkeypatch.undo()
        assert again.content == first.content
        unchanged = client.get(f"/api/schema?format={form}", headers={"If-None-Match": first["ETag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_each_kind_of_event_is_described_by_the_row_that_it_carries(schema: dict[str, Any]) -> None:
    described = schema["paths"]["/stream/"]["get"]["x-events"]
    assert described.keys() == {kind.name for kind in events.registered()} | {"reset"}
    for name, row in (("quote", "Quote"), ("order", "Order"), ("watchlist", "WatchlistItemSchema")):
        assert described[name]["data"] == {"$ref": f"#/components/schemas/{row}"}
        assert row in schema["components"]["schemas"]


def test_an_alert_is_described_as_it_is_answered(schema: Any) -> None:
    """By its own route as by the list."""
    alert = schema["components"]["schemas"]["Alert"]["properties"]
    assert (alert["user"]["type"], alert["email"]["type"]) == ("string", "boolean")
    delivery = component(schema, alert["deliveries"]["items"]["$ref"])
    assert delivery["properties"].keys() == {"channel", "state", "attempts", "last_error"}
