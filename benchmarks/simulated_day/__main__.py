"""Plays the day: `python -m benchmarks.simulated_day [--seconds 300] [--users 100] [--json FILE] [--keep FOLDER]`.

Exit code 1 if something did not hold.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.simulated_day import report, timetable
from benchmarks.simulated_day.play import played_day


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated_day", description=__doc__)
    parser.add_argument("--seconds", type=float, default=timetable.WHOLE, help="of real time (default: %(default)g)")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave logs and all that was seen there")
    parser.add_argument("--postgres", metavar="URL", help="the server to use (default: a SQLite database)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = played_day(
            options.keep or Path(folder), seconds=options.seconds, users=options.users, postgres=options.postgres
        )
    report.show(outcome)
    if options.json:
        options.json.write_text(json.dumps(asdict(outcome), indent=2))
    sys.exit(0 if outcome.holds else 1)


if __name__ == "__main__":
    main()
