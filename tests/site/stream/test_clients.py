"""The clients that docs/stream.md shows, a browser among them, and the way through nginx."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from systemcache.storage import event_log
from systemcache.storage.event_log import NewEvent
from tests.site.stream.conftest import StreamSite, cookie_of, log_in, numbers, publish
from tests.support.programs import leave_out, only_linux
from tests.support.waiting import eventually
from testservers import nginx
from testservers.event_reader import EventReader
from testservers.nginx import Nginx
from testservers.processes import Program
from testservers.project import ROOT

pytestmark = [only_linux, pytest.mark.slow, pytest.mark.timeout(240)]


def shown(language: str) -> str:
    """The client in this language, as the document has it."""
    found = re.search(
        rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / "stream.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert found, language
    return found[1]


def test_the_client_in_python_has_twenty_lines_or_so() -> None:
    assert len(shown("python").strip().splitlines()) <= 30


def test_the_client_in_python_follows_orders_and_comes_back_after_the_server_was_killed(
    site: StreamSite, tmp_path: Path
) -> None:
    program = tmp_path / "follow.py"
    program.write_text(shown("python"))
    environment = {**os.environ, "STREAM_URL": site.url, "TOKEN": site.tokens["reader1"], "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, str(program)]
    with Program(command, log=tmp_path / "log", cwd=tmp_path, environment=environment) as follower:

        def publish_and_see() -> bool:
            publish(0)
            return "order {'number': 0}" in follower.output

        eventually(publish_and_see)
        publish(1)
        follower.wait_until(lambda: "order {'number': 1}" in follower.output)
        site.kill()
        publish(2, 3)
        site.restart()
        follower.wait_until(lambda: "order {'number': 3}" in follower.output)
        lines = [line for line in follower.output.splitlines() if "'number': 0" not in line]
        assert lines == [f"order {{'number': {number}}}" for number in (1, 2, 3)]


class EmptyPage(BaseHTTPRequestHandler):
    """What a browser is sent at any address."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Empty</title>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@pytest.fixture
def page(site: StreamSite, browser: Browser) -> Iterator[Page]:
    """An empty page of the site's own origin, with a session's cookie."""
    cookie = cookie_of(log_in(site, "reader2")).partition("=")[2]
    server = ThreadingHTTPServer(("127.0.0.1", int(site.environment["PORT"])), EmptyPage)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        with browser.new_context() as context:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": site.origin}])
            page = context.new_page()
            page.goto(site.origin)
            yield page
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_the_client_in_a_page_reads_across_ports_and_comes_back_with_its_id(site: StreamSite, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(_text(message)))
    script = shown("html").replace("<script>", "").replace("</script>", "")
    assert "http://127.0.0.1:8001/stream" in script
    page.evaluate(f"() => {{ {script.replace('http://127.0.0.1:8001/stream', site.url)} }}")

    def has_come(words: str, tell: Callable[[], object]) -> Callable[[], bool]:
        def holds() -> bool:
            tell()
            page.wait_for_timeout(50)  # lets the browser's events through
            return words in said

        return holds

    eventually(has_come("0", lambda: tell_order("0")))
    event_log.append([NewEvent("quote", "NSEEQ:RELIANCE", b'{"ltp":"1402.50"}', lasting=False)])
    eventually(has_come("1402.50", lambda: None))
    site.kill()
    tell_order("placed while nobody listened")
    site.restart()
    eventually(has_come("placed while nobody listened", lambda: None))
    assert said.count("placed while nobody listened") == 1


def tell_order(status: str) -> None:
    event_log.append([NewEvent("order", "1", b'{"status":"%b"}' % status.encode())])


def _text(message: ConsoleMessage) -> str:
    return message.text


def test_events_come_through_nginx_as_they_happen(site: StreamSite, tmp_path: Path) -> None:
    if not nginx.EXECUTABLE:
        leave_out("nginx is not installed")
    with (
        Nginx(tmp_path, site.process.port, site.process.port) as proxy,
        EventReader(f"{proxy.url}/stream?events=order", site.tokens["reader3"]) as reader,
    ):
        assert reader.status == 200
        eventually(lambda: bool(reader.fields))
        publish(1)
        eventually(lambda: numbers(reader) == [1])
        publish(2)
        eventually(lambda: numbers(reader) == [1, 2])
        assert not reader.ended
