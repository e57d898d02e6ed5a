"""The proxies in deploy/: their files are valid, and they keep slow and silent clients away from the site."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.support.programs import leave_out, only_linux, program
from testservers import caddy, nginx
from testservers.caddy import Caddy
from testservers.nginx import Nginx
from testservers.web_server import WebServer, prepare

pytestmark = [pytest.mark.slow, only_linux, pytest.mark.timeout(240)]
TIMEOUT = 30.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A site with four threads."""
    folder = tmp_path_factory.mktemp("site")
    environment = {
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_FORMAT": "json",
    }
    prepare(environment)
    with WebServer(folder, environment, threads=4) as running:
        yield running


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, site: WebServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx | Caddy]:
    """Each proxy as it is shipped, before the site."""
    if not request.param.EXECUTABLE:
        leave_out(f"{request.param.__name__} is not installed")
    start = Nginx if request.param is nginx else Caddy
    with start(tmp_path_factory.mktemp("proxy"), site.port) as running:
        yield running


def connect(proxy: Nginx | Caddy, number: int) -> socket.socket:
    """From an address of its own: nginx counts by address."""
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT, source_address=(f"127.0.1.{number}", 0))


def is_well(proxy: Nginx | Caddy) -> bool:
    return requests.get(f"{proxy.url}/api/system/health", timeout=5).ok


def test_the_shipped_configuration_of_nginx_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text(nginx.configuration(tmp_path, 1, 1))
    done = subprocess.run(
        [program("nginx"), "-t", "-c", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "test is successful" in done.stderr, done.stderr
    assert "warn" not in done.stderr


def test_slow_bodies_never_reach_the_site(proxy: Nginx | Caddy) -> None:
    head = f"POST /api/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken={32 * 'x'}\r\nContent-Length: 100000\r\n\r\n"
    with ExitStack() as held:
        for number in range(1, 141):
            slow = held.enter_context(connect(proxy, number))
            slow.sendall(head.encode() + b"a=b")
        assert all(is_well(proxy) for _ in range(5))


def test_silent_connections_take_no_place_of_the_sites(proxy: Nginx | Caddy) -> None:
    with ExitStack() as held:
        for number in range(1_000):
            held.enter_context(connect(proxy, 1 + number % 250))
        assert all(is_well(proxy) for _ in range(5))


@pytest.mark.parametrize("proxy", [nginx], indirect=True, ids=["nginx"])
def test_one_address_has_so_many_requests_under_way_and_no_more(proxy: Nginx) -> None:
    head = "POST /api/watchlist HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    with ExitStack() as held:
        for _ in range(40):
            held.enter_context(connect(proxy, 200)).sendall(head.encode())
        with connect(proxy, 200) as further:
            further.sendall(b"GET /api/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert further.recv(100).startswith(b"HTTP/1.1 429 ")
        assert is_well(proxy)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_reaches_the_site(proxy: Nginx | Caddy, method: str) -> None:
    answer = requests.request(method, f"{proxy.url}/api/watchlist/1", json={}, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


def test_nginx_asks_another_machine_if_one_does_not_answer(site: WebServer, tmp_path: Path) -> None:
    nobody = "127.0.0.9"
    with Nginx(tmp_path, site.port, hosts=[nobody, "127.0.0.1"]) as proxy:
        assert all(is_well(proxy) for _ in range(5))


def test_a_large_body_is_refused_by_the_proxy_already(proxy: Nginx | Caddy) -> None:
    answer = requests.post(f"{proxy.url}/admin/login/", data=b"x" * 300_000, timeout=TIMEOUT)
    assert answer.status_code == 413


def test_the_site_sees_the_clients_address_whatever_the_client_says(proxy: Nginx | Caddy) -> None:
    """The address of refused logins is what the throttle counts: forged ones would never be refused."""
    for number in range(8):
        forged = {
            "X-Forwarded-For": f"203.0.113.{number}",
            "X_Forwarded_For": "203.0.113.99",
            "Cookie": f"csrftoken={32 * 'x'}",
        }
        form = {"username": "admin", "password": "wrong", "csrfmiddlewaretoken": 32 * "x"}
        answer = requests.post(f"{proxy.url}/admin/login/", data=form, headers=forged, timeout=TIMEOUT)
    assert answer.status_code == 429
