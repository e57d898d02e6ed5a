"""Takes the README's pictures: `python -m tests.site.pictures FOLDER`, with the real candles and contracts."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from tests.servers.project import ROOT, copy_to
from tests.servers.runsite import RunningSite
from tests.site.browsing import DESKTOP, PHONE, log_in, open_browser

DATA = ROOT.parent / "shared" / "data"
# Name -> address on the site.
PICTURES = {
    "home": "/",
    "api-watchlist": "/api/watchlist/",
    "api-candles": "/api/broker/candles/?symbol=RELIANCE&interval=1d&from=2021-12-01&to=2021-12-31",
    "admin-watchlist": "/admin/watchlist/watchlistitem/",
    "api-docs": "/api/docs/",
}
MORE_ON_A_PHONE = ("home",)


def main(folder: Path, *, phone: tuple[str, ...] = MORE_ON_A_PHONE) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "SIMULATOR_DATA": str(DATA / "candles_daily"),
        "SIMULATOR_CONTRACTS": str(DATA / "contracts" / "NSEEQ.json"),
    }
    with (
        tempfile.TemporaryDirectory() as parent,
        RunningSite(copy_to(Path(parent) / "site"), data) as site,
        open_browser() as browser,
    ):
        _take(browser, DESKTOP, site, {folder / f"{name}.png": route for name, route in PICTURES.items()})
        _take(browser, PHONE, site, {folder / f"{name}-phone.png": PICTURES[name] for name in phone})


def _take(browser: Browser, size: ViewportSize, site: RunningSite, pictures: dict[Path, str]) -> None:
    with browser.new_context(viewport=size, device_scale_factor=1, is_mobile=size == PHONE) as context:
        page = context.new_page()
        log_in(page, f"{site.url}/admin/login/?next=/", *site.login)
        for file, route in pictures.items():
            _open(page, site.url + route)
            page.screenshot(path=file)
            print(f"{file} {file.stat().st_size // 1000} kB")


def _open(page: Page, address: str) -> None:
    page.goto(address, wait_until="networkidle")
    if "/docs" in address:
        page.wait_for_selector(".opblock")


if __name__ == "__main__":
    main(Path(sys.argv[1]), phone=tuple(PICTURES) if "--all-on-a-phone" in sys.argv else MORE_ON_A_PHONE)
