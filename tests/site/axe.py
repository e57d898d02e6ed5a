"""axe-core on a page: what it finds that would keep somebody out."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).with_name("vendor") / "axe.min.js"
GRAVE = ("serious", "critical")


def faults(page: Page) -> list[str]:
    """One line for each serious fault: the rule, the element, and what is wrong with it."""
    page.evaluate(SOURCE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
