"""axe-core on a page: accessibility faults that would keep somebody out."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

SCRIPT = files("axe_playwright_python").joinpath("axe.min.js")
GRAVE = ("serious", "critical")


def faults(page: Page) -> list[str]:
    """One line for each serious fault: the rule, the element, and what is wrong with it."""
    page.evaluate(SCRIPT.read_text())
    violations: list[dict[str, Any]] = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in violations
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
