"""Ask pip-audit whether a pinned package has a known vulnerability: `audit.py FILE …`, with .venv's Python.

Where its database cannot be reached this says so and ends well: a check of the code must work without a network.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

# Vulnerabilities that do not concern this site: the id, and why.
EXCEPTIONS: dict[str, str] = {}
TIMEOUT = 120.0  # seconds


def main(files: Sequence[str]) -> int:
    """The exit code: 1 if a package has a vulnerability that is no exception."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    for file in files:
        command += ["-r", file]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        packages = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        print("pip-audit: no answer from its database; nothing was audited.")
        return 0
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        print(f"pip-audit: no data, nothing was audited ({reason[:200]}).")
        return 0
    known = [package for package in packages if "skip_reason" not in package]
    print(f"pip-audit: {len(known)} packages audited; of {len(packages) - len(known)} it has no data.")
    found = [line for package in known for line in vulnerabilities(package)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def vulnerabilities(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {item['id']}, fixed in {item['fix_versions'] or 'no version'}"
        for item in package["vulns"]
        if item["id"] not in EXCEPTIONS
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
