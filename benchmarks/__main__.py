"""`make bench`: on servers of its own, ratios measured in one run; --json FILE keeps the figures."""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import django

from tests.servers.redis_server import RedisServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        _set_up(redis.url, Path(folder))
        figures = _measure()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


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


def _measure() -> dict[str, object]:
    from django.core.management import call_command

    from benchmarks import clear, crowds, hits, pages, peers, revocations, symbols, trace

    found = hits.rows()
    resolving = symbols.rows()
    print(f"{'in process':48}{'median':>12}{'low':>10}{'high':>10}   microseconds")
    for row in (*found, *resolving):
        print(f"{row.name:48}{row.median:>12.1f}{row.low:>10.1f}{row.high:>10.1f}")
    hits.say(found)
    call_command("benchcache")
    print()
    clears = clear.show()
    print()
    shown = pages.show()
    print()
    crowd = crowds.show()
    print()
    revoked = revocations.show()
    print()
    traced = trace.show()
    print()
    return {
        "crowds": crowd,
        "trace": traced,
        "revocations": [asdict(row) for row in revoked],
        "in_process": [asdict(row) for row in (*found, *resolving)],
        "clear": [asdict(row) for row in clears],
        "pages": [asdict(row) for row in shown],
        "herd": peers.show(),
    }


if __name__ == "__main__":
    main()
