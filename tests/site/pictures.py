"""Takes the pictures of the documents: `python -m tests.site.pictures FOLDER [--phone]`, with the real market data."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize

from tests.site.browsing import DESKTOP, PHONE, log_in, open_browser
from tests.support.runsite import RunningSite
from testservers.project import ROOT, copy_to

Theme = Literal["light", "dark"]
DATA = ROOT.parent / "shared" / "data"
# Name -> address on the site.
PICTURES = {
    "home": "/",
    "holdings": "/holdings",
    "orders": "/orders",
    "ticket": "/orders/new?symbol=TCS&side=BUY",
    "api-watchlist": "/api/watchlist/",
    "admin-watchlist": "/admin/watchlist/watchlistitem/",
    "api-docs": "/api/docs/",
    "cache-overview": "/admin/systemcache/cache/",
    "cache-family": "/admin/systemcache/cache/families/holdings/",
    "cache-keys": "/admin/systemcache/cache/keys/",
}
IN_THE_DARK = ("cache-family", "holdings")
ON_A_PHONE = ("home",)
# A day behind the site: reads in the hours of trading, a failure of the broker's, a clear.
HISTORY = """
import math, time
from datetime import timedelta
from django.utils import timezone
from systemcache import families
from systemcache.stats import counters
from systemcache.stats.batches import BatchQueue
from systemcache.models import ClearRecord
now, queue = int(time.time()) // 60, BatchQueue()
for ago in range(1440, -1, -1):
    busy = 0.55 + 0.45 * math.cos(ago / 230) + 0.12 * math.sin(ago * 1.7) + 0.1 * math.sin(ago * 0.31)
    fails = 300 < ago < 330 or 18 < ago < 24
    counts = {}
    for place, family in enumerate(families.registered()):
        reads = max(0, round(busy * (40 - 2 * place)))
        loads = math.ceil(reads / 25) * (0 if fails else 1)
        counts |= {(family.name, "hits"): reads, (family.name, "misses"): loads + 3 * fails}
        counts |= {(family.name, "stale"): 3 * fails, (family.name, "loads"): loads}
        counts |= {(family.name, "load_seconds"): loads * (0.12 + 0.08 * math.sin(ago / 9 + place) ** 2)}
        counts |= {(family.name, "load_le_0.25"): loads}
    queue.put(counts, now - ago)
while batch := queue.next_batch():
    counters.add_batch(batch)
    queue.confirm()
for ago, by, what, keys in ((26, "admin", "api:candles:TCS:*", 12), (410, "admin", "family holdings", 1)):
    made = ClearRecord.objects.create(by=by, what=what, keys=keys, seconds=0.004)
    ClearRecord.objects.filter(pk=made.pk).update(at=timezone.now() - timedelta(minutes=ago))
"""


def main(folder: Path, *, phone: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "SIMULATOR_DATA": str(DATA / "candles_daily"),
        "SIMULATOR_CONTRACTS": str(DATA / "contracts" / "NSEEQ.json"),
        "TRADING_ENABLED": "true",
    }
    with (
        tempfile.TemporaryDirectory() as parent,
        RunningSite(copy_to(Path(parent) / "site"), data) as site,
        open_browser() as browser,
    ):
        shell(site, HISTORY)
        light = {folder / f"{name}.png": route for name, route in PICTURES.items() if name not in IN_THE_DARK}
        _take(browser, DESKTOP, site, light)
        _take(browser, DESKTOP, site, {folder / f"{name}.png": PICTURES[name] for name in IN_THE_DARK}, "dark")
        on_phone = PICTURES if phone else ON_A_PHONE
        _take(browser, PHONE, site, {folder / f"{name}-phone.png": PICTURES[name] for name in on_phone})


def shell(site: RunningSite, source: str) -> None:
    """Runs Python on the site, beside its processes."""
    command = [sys.executable, str(site.project / "manage.py"), "shell", "--no-imports", "-c", source]
    environment = {"HOME": str(site.project.parent), "PATH": os.environ["PATH"]}
    subprocess.run(command, env=environment, check=True, timeout=120)


def _take(
    browser: Browser, size: ViewportSize, site: RunningSite, pictures: dict[Path, str], theme: Theme = "light"
) -> None:
    with browser.new_context(viewport=size, is_mobile=size == PHONE, color_scheme=theme) as context:
        page = context.new_page()
        log_in(page, f"{site.url}/login", *site.login)
        for file, route in pictures.items():
            _open(page, site.url + route)
            page.screenshot(path=file)
            print(f"{file} {file.stat().st_size // 1000} kB")


def _open(page: Page, address: str) -> None:
    page.goto(address)  # the trader's pages ask again and again, so the network is never idle
    page.wait_for_timeout(1500)
    if "/docs" in address:
        page.wait_for_selector(".opblock")
    if "/orders/new" in address:
        page.wait_for_selector("[name=preview]", state="attached")


if __name__ == "__main__":
    main(Path(sys.argv[1]), phone="--phone" in sys.argv)
