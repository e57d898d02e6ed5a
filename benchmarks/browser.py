"""The watchlist of 200 symbols in Chromium: its first paint on a warm site, and how long a price takes to its cell.

A site of its own with the simulator, its feed and its stream. Twenty pages are open while prices change, each of
which has to show in all of them; all run on this machine, so one clock tells when.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import requests
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.targets import Targets
from testservers.ports import free_port
from testservers.processes import PATIENCE, Program
from testservers.project import copy_to

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SYMBOLS, PAGES, PAINTS, TICKS = 200, 20, 15, 25
FIRST_PAINT, TICK_TO_CELL = 300, 250  # milliseconds
SAMPLE = "TCS"
WATCH = f"""
from broker import gateway
from watchlist.models import WatchlistItem
known = set(WatchlistItem.objects.values_list("symbol", flat=True))
_, page = gateway.contract_page("NSEEQ", "", 0, 600)
names = [row.symbol for row in page.contracts if row.series == "EQ" and row.symbol not in known]
for name in names[: {SYMBOLS} - len(known)]:
    WatchlistItem.objects.create(symbol=name)
"""
# Notes when a price stands in its cell: milliseconds since 1970.
OBSERVE = f"""
() => {{
  const cell = document.querySelector('tr[data-symbol="{SAMPLE}"] [data-field="ltp"]');
  window.seen = {{}};
  new MutationObserver(() => {{ window.seen[cell.textContent.trim().replaceAll(",", "")] ??= Date.now(); }})
    .observe(cell, {{ childList: true, characterData: true, subtree: true }});
}}
"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass(frozen=True)
class Row:
    """Milliseconds."""

    first_paint: float
    tick_median: float
    tick_p99: float
    lost: int


def run(targets: Targets) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        project = copy_to(Path(folder) / "site")
        port = free_port()
        environment = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "PORT": str(port),
            "STREAM_PORT": str(free_port()),
        }
        command = [sys.executable, str(project / "manage.py")]
        log = Path(folder) / "site.log"
        site = stack.enter_context(Program([*command, "runsite"], log=log, cwd=Path(folder), environment=environment))
        site.wait_until_up(lambda: "Ctrl-C stops the site" in site.output, PATIENCE)
        subprocess.run([*command, "shell", "--no-imports", "-c", WATCH], env=environment, check=True, timeout=PATIENCE)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.callback(browser.close)
        row = _measure(browser, f"http://127.0.0.1:{port}", site.output)
    print(
        f"first paint {row.first_paint:.0f} ms   tick to cell: median {row.tick_median:.0f} ms, "
        f"p99 {row.tick_p99:.0f} ms, {row.lost} not seen"
    )
    targets.at_most("first paint / 300 ms", row.first_paint / FIRST_PAINT, 1)
    targets.at_most("tick to cell, p99 / 250 ms", row.tick_p99 / TICK_TO_CELL, 1)
    targets.at_most("ticks that a page did not show", row.lost, 0)
    return [row]


def _measure(browser: Browser, address: str, output: str) -> Row:
    with browser.new_context() as context:
        _log_in(context.new_page(), address, output)
        paint = statistics.median(_paints(context, address))
        delays, lost = _ticks(context, address, output)
    delays.sort()
    return Row(paint, statistics.median(delays), delays[int(0.99 * (len(delays) - 1))], lost)


def _log_in(page: Page, address: str, output: str) -> None:
    found = re.search(r"^Login +(\S+) / (\S+)$", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(output)
    page.goto(f"{address}/login")
    page.fill("input[name=username]", found[1])
    page.fill("input[name=password]", found[2])
    page.click("main button[type=submit]")
    page.wait_for_selector("tr[data-symbol]")
    page.close()


def _paints(context: BrowserContext, address: str) -> list[float]:
    """First paints, each of a new page; the first three warm the site up."""
    found = []
    for _ in range(PAINTS + 3):
        page = context.new_page()
        page.goto(address)
        page.wait_for_function(f"({PAINTED})() > 0")
        found.append(float(page.evaluate(PAINTED)))
        page.close()
    return found[3:]


def _ticks(context: BrowserContext, address: str, output: str) -> tuple[list[float], int]:
    """How long each of the pages took to show each of the prices, and how many were not shown."""
    broker = re.search(r"^Broker +simulator (http://\S+?)(/v1)?$", output, re.MULTILINE)
    if broker is None:
        raise RuntimeError(output)
    pages = [context.new_page() for _ in range(PAGES)]
    for page in pages:
        page.goto(address)
        page.evaluate(OBSERVE)
    pages[0].wait_for_timeout(5_000)  # until each has its stream
    set_at: dict[str, float] = {}
    last = float(pages[0].inner_text(f'tr[data-symbol="{SAMPLE}"] [data-field="ltp"]').replace(",", ""))
    for step in range(TICKS):
        price = f"{round(last) + step}.00"
        set_at[price] = 1000 * time.time()
        requests.post(f"{broker[1]}/simulator/prices", json={"symbol": SAMPLE, "price": price}, timeout=10)
        pages[0].wait_for_timeout(700)
    pages[0].wait_for_timeout(2_000)
    seen = [page.evaluate("() => window.seen") for page in pages]
    delays = [found[price] - at for found in seen for price, at in set_at.items() if price in found]
    return delays, PAGES * TICKS - len(delays)
