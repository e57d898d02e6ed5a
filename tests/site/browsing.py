"""Debian's Chromium, driven by Playwright, and what it must not do on our pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    StorageState,
    ViewportSize,
    sync_playwright,
)

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
at_both_sizes = pytest.mark.parametrize("size", [pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")])


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def log_in(page: Page, address: str, user: str, password: str) -> None:
    """By the form at `address`: the admin's, or that of the API's pages."""
    page.goto(address)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit], #login-form input[type=submit]")
    page.wait_for_load_state()


class Complaints:
    """What a page did that none of ours should: errors on the console, failed requests, requests to other hosts."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.found.append(f"outside: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status}: {response.url}")


@contextmanager
def clean_page(browser: Browser, size: ViewportSize, login: StorageState | None = None) -> Iterator[Page]:
    """A page about which there must be nothing to complain in the end."""
    phone = size == PHONE
    with browser.new_context(viewport=size, is_mobile=phone, has_touch=phone, storage_state=login) as context:
        opened = context.new_page()
        opened.set_default_timeout(20_000)
        complaints = Complaints(opened)
        yield opened
    assert complaints.found == [], complaints.found


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled to sideways."""
    assert page.viewport_size  # not window.innerWidth: a page that is not made for phones is laid out as for a desktop
    return bool(page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"])
