"""The cache's pages in a browser: the walk of whoever runs the site, and of one who may only look."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal

import pytest
import requests
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect

from tests.site import axe
from tests.site.browsing import DESKTOP, PHONE, clean_page, fits, log_in
from tests.site.conftest import TIMEOUT
from tests.support.programs import only_linux
from tests.support.runsite import RunningSite

pytestmark = [only_linux, pytest.mark.timeout(240)]

HOME = "/admin/systemcache/cache/"
VIEWER = ("bina", "correct horse")
MAKE_VIEWER = f"""
from django.contrib.auth.models import Permission, User
user = User.objects.create_user({VIEWER[0]!r}, password={VIEWER[1]!r}, is_staff=True)
user.user_permissions.add(Permission.objects.get(codename="view_cache"))
"""
PAGES = [
    HOME,
    f"{HOME}families/holdings/",
    f"{HOME}families/token/",
    f"{HOME}keys/",
    f"{HOME}keys/?pattern=api:*",
    f"{HOME}key/?key=api:profile",
    f"{HOME}clear/",
    "/admin/",
    "/admin/systemcache/clearrecord/",
    "/admin/systemcache/apitoken/",
    "/admin/watchlist/watchlistitem/",
    "/admin/watchlist/watchlistitem/1/change/",
    "/admin/watchlist/signal/",
    "/admin/watchlist/tradingsetting/",
    "/admin/broker/brokersession/",
    "/admin/broker/contractfile/",
    "/",
]


@pytest.fixture(scope="module")
def used_site(site: RunningSite) -> RunningSite:
    """A site that has been read from, cleared, and been given a viewer."""
    subprocess.run(
        [sys.executable, str(site.project / "manage.py"), "shell", "--no-imports", "-c", MAKE_VIEWER],
        env={"HOME": str(site.project.parent), "PATH": os.environ["PATH"]},
        check=True,
        timeout=TIMEOUT,
    )
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {site.token}"
        for route in ("profile", "holdings", "holdings", "contracts/NSEEQ"):
            assert session.get(f"{site.url}/api/broker/{route}", timeout=TIMEOUT).ok
        assert session.post(f"{site.url}/api/system/cache/clear?pattern=api:orders", timeout=TIMEOUT).ok
    return site


@pytest.fixture(scope="module")
def login(browser: Browser, used_site: RunningSite) -> StorageState:
    return logged_in(browser, used_site, *used_site.login)


def logged_in(browser: Browser, site: RunningSite, user: str, password: str) -> StorageState:
    with browser.new_context() as context:
        log_in(context.new_page(), f"{site.url}/admin/login/?next={HOME}", user, password)
        return context.storage_state()


@pytest.fixture
def page(browser: Browser, size: ViewportSize, login: StorageState) -> Iterator[Page]:
    with clean_page(browser, size, login) as opened:
        yield opened


def keep_profile(site: RunningSite) -> None:
    """Reads the profile, so that it is in the cache for the next minutes."""
    headers = {"Authorization": f"Token {site.token}"}
    assert requests.get(f"{site.url}/api/broker/profile", headers=headers, timeout=TIMEOUT).ok


def test_a_walk_from_the_overview_to_the_record_of_a_clear(page: Page, used_site: RunningSite) -> None:
    keep_profile(used_site)
    page.goto(f"{used_site.url}/admin/")
    page.get_by_role("main").get_by_role("link", name="Cache", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cache")
    expect(page.get_by_text("Hit rate", exact=True).first).to_be_visible()
    expect(page.get_by_role("img", name="Last hour: reads")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="profile", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Family profile")
    expect(page.locator(".rules")).to_contain_text("1 day more")
    assert fits(page)
    page.get_by_role("link", name="its keys").click()
    page.get_by_role("link", name="api:profile").click()
    expect(page.locator("pre.value")).to_contain_text('"client_id"')
    assert fits(page)
    page.get_by_role("button", name="Clear…").click()
    expect(page.locator(".lead")).to_contain_text("1 value of api:profile would be cleared")
    assert fits(page)
    page.get_by_role("button", name="Clear 1 value").click()
    expect(page.locator(".messagelist .success")).to_have_text("Cleared 1 value of api:profile; the clear is recorded.")
    page.get_by_role("link", name="Record of clears").click()
    expect(page.locator("#result_list tbody tr").first).to_contain_text("api:profile")
    page.goto(f"{used_site.url}{HOME}key/?key=api:holdings")
    keep_profile(used_site)


@pytest.mark.slow
def test_a_family_is_refreshed_by_a_button(page: Page, used_site: RunningSite) -> None:
    page.goto(f"{used_site.url}{HOME}families/profile/")
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator(".messagelist .success")).to_contain_text("1 read reloaded")


@pytest.mark.slow
def test_a_pattern_is_typed_and_shown_and_the_count_comes_first(page: Page, used_site: RunningSite) -> None:
    keep_profile(used_site)
    page.goto(f"{used_site.url}{HOME}keys/")
    expect(page.get_by_role("main").get_by_role("row", name="token")).to_contain_text("secret: counted, not shown")
    page.get_by_label("Keys that match").fill("api:prof*")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row", name="api:profile")).to_contain_text("fresh")
    page.get_by_role("button", name="Clear matching…").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cache")


@pytest.mark.slow
def test_the_charts_are_a_table_too(page: Page, used_site: RunningSite) -> None:
    page.goto(f"{used_site.url}{HOME}")
    page.get_by_text("Last hour as a table").click()
    expect(page.get_by_role("region", name="Last hour as a table").get_by_role("row").nth(1)).to_be_visible()
    assert fits(page)


@pytest.mark.slow
def test_it_all_works_by_keyboard(page: Page, used_site: RunningSite) -> None:
    page.goto(f"{used_site.url}{HOME}clear/")
    page.get_by_label("Keys that match").focus()
    page.keyboard.type("nonsense:*")
    page.keyboard.press("Enter")
    page.wait_for_selector(".lead")
    page.get_by_role("button", name="Clear 0 values").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist .success")).to_contain_text("Cleared 0 values of nonsense:*")


@pytest.mark.slow
def test_it_all_works_without_javascript(browser: Browser, used_site: RunningSite, login: StorageState) -> None:
    with browser.new_context(java_script_enabled=False, storage_state=login) as context:
        page = context.new_page()
        page.goto(f"{used_site.url}{HOME}")
        page.get_by_role("link", name="Keys", exact=True).click()
        page.get_by_role("link", name="Clear", exact=True).click()
        page.get_by_label("or a family").select_option("depth")
        page.get_by_role("button", name="Count").click()
        page.get_by_role("button", name="Clear 0 values").click()
        expect(page.locator(".messagelist .success")).to_contain_text("Cleared 0 values of family depth")


@pytest.mark.slow
def test_a_user_who_may_only_look_has_no_button_and_is_refused(browser: Browser, used_site: RunningSite) -> None:
    login = logged_in(browser, used_site, *VIEWER)
    with clean_page(browser, DESKTOP, login) as page:
        for address in (HOME, f"{HOME}families/profile/", f"{HOME}keys/?pattern=api:*", f"{HOME}key/?key=api:profile"):
            page.goto(used_site.url + address)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert page.get_by_role("main").get_by_role("button").count() == (
                "pattern" in address
            )  # that of the search
            assert page.get_by_text("Clear").count() == 0
        token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
        for target in ("clear/", "families/profile/refresh/"):
            form: dict[str, str | float | bool] = {"csrfmiddlewaretoken": token, "pattern": "*", "confirmed": "yes"}
            answer = page.request.post(f"{used_site.url}{HOME}{target}", form=form)
            assert answer.status == 403
            assert "CSRF" not in answer.text()


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_keeps_anybody_out(
    browser: Browser,
    size: ViewportSize,
    theme: Literal["light", "dark"],
    login: StorageState,
    used_site: RunningSite,
) -> None:
    keep_profile(used_site)
    found: dict[str, list[str]] = {}
    # axe puts sheets of its own into the page, which our policy would forbid.
    with browser.new_context(
        viewport=size, is_mobile=size == PHONE, color_scheme=theme, storage_state=login, bypass_csp=True
    ) as context:
        page = context.new_page()
        for address in PAGES:
            page.goto(used_site.url + address)
            found[address] = axe.faults(page)
            assert fits(page), address
        page.goto(f"{used_site.url}{HOME}clear/")
        page.get_by_role("button", name="Count").click()
        found["nothing chosen"] = axe.faults(page)
        page.get_by_label("Keys that match").fill("api:*")
        page.get_by_role("button", name="Count").click()
        found["confirm"] = axe.faults(page)
    assert {address: faults for address, faults in found.items() if faults} == {}
