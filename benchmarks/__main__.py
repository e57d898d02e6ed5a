"""`make bench`: figures measured on servers of its own. `python -m benchmarks NAME…` runs some of the parts.

Each part prints its figures and judges ratios of them. All parts run, whatever falls short; the exit code is 1 if a
target was missed or a part failed.
"""

import argparse
import json
import os
import sys
import tempfile
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from unittest import mock

import django

from benchmarks.targets import Targets
from testservers.redis_server import RedisServer

# In the order in which they run. Each is a module whose `run` returns its figures.
NAMES = (
    *("hits", "audit", "symbols", "clear", "pages", "concurrency", "slow_broker"),
    *(
        "revocations",
        "failover",
        "trace",
        "other_caches",
        "flood",
        "feed",
        "stream",
        "alert_judging",
        "polling",
        "browser",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"run only these of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    options = parser.parse_args()
    figures: dict[str, object] = {}
    shortfalls: list[str] = []
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        _set_up(redis.url, Path(folder))
        for name in options.names or NAMES:
            print(f"\n=== {name}", flush=True)
            targets = Targets()
            try:
                with mock.patch.dict(os.environ):  # servers of one part are not named in the next
                    figures[name] = import_module(f"benchmarks.{name}").run(targets)
            except Exception as error:  # one that fails is reported at the end, and the others still run
                traceback.print_exc()
                targets.missed.append(f"failed: {error!r}")
            shortfalls += [f"{name}: {text}" for text in targets.missed]
    if options.json:
        options.json.write_text(json.dumps(figures, default=asdict, indent=2))
    print("", *(shortfalls or ["All targets hold."]), sep="\n")
    sys.exit(1 if shortfalls else 0)


def _set_up(redis_url: str, folder: Path) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        "REDIS_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        "DJANGO_SECRET_KEY": "benchmark",
    }
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("samplewatchlist", verbosity=0)
    get_user_model().objects.create_superuser("bench")


if __name__ == "__main__":
    main()
