"""`make bench`: on servers of its own, ratios measured in one run. `python -m benchmarks NAME…` runs some of them."""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import django

from tests.servers.redis_server import RedisServer

# In the order in which they run: each is a module whose `run` prints a table and returns its figures.
NAMES = ("hits", "symbols", "clear", "pages", "crowds", "slow", "revocations", "trace", "peers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"these alone, of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        _set_up(redis.url, Path(folder))
        figures = {name: _run(name) for name in options.names or NAMES}
    if options.json:
        options.json.write_text(json.dumps(figures, default=asdict, indent=2))


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


def _run(name: str) -> object:
    print(f"\n=== {name}")
    found: object = import_module(f"benchmarks.{name}").run()
    return found


if __name__ == "__main__":
    main()
