"""Checks the models of the cache's protocol (docs/model) with spin, exhaustively: `make proof`.

One line a check: what is expected, what came, states, seconds. A model `holds`; a mutant, from which one guard is taken
away, or a bound that is known to be the best, `fails` with a counter-example. Exits with 1 if anything is otherwise.
`--quick` leaves out the large ones, `--only MODEL` checks one model.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "docs" / "model"
HOLDS, MUTANT, BOUND = "holds", "mutant", "bound"
LIVENESS = ("-a", "-f")  # acceptance cycles, under weak fairness


@dataclass(frozen=True)
class Check:
    expected: str
    model: str
    defines: str
    what: str
    large: bool = False
    liveness: bool = False


@dataclass(frozen=True)
class Outcome:
    check: Check
    got: str
    states: int
    seconds: float
    detail: str = ""

    @property
    def as_expected(self) -> bool:
        return self.got == (HOLDS if self.check.expected == HOLDS else "fails")

    def __str__(self) -> str:
        mark = "ok " if self.as_expected else "NOT AS EXPECTED"
        check = self.check
        text = f"{mark} {check.expected:6} {check.model:12} {self.states:>11,} states {self.seconds:6.1f} s"
        return f"{text}  {check.what} [{check.defines}]{self.detail}"


def _lease() -> list[Check]:
    calm = "RESTARTS=0 LATE=0"
    small = f"{calm} READS=1 LOSSES=1"
    three = f"{calm} READERS=3 READS=1 WRITES=1 LOSSES=1"
    restart = "RESTARTS=1 LATE=0 READS=1 LOSSES=0"
    return [
        Check(
            HOLDS, "lease", f"{calm} READS=2 LOSSES=0", "two readers who read twice, two writes: nothing stale", True
        ),
        Check(HOLDS, "lease", small, "a lease ends, or a generation or epoch is evicted"),
        Check(HOLDS, "lease", three, "three readers: one load while a lease stands", True),
        Check(HOLDS, "lease", restart, "Redis comes back with older data", True),
        Check(
            HOLDS, "lease", "RESTARTS=0 LATE=1 READS=1 LOSSES=1", "Redis takes a store that its client gave up", True
        ),
        Check(HOLDS, "lease", f"{small} UNCHECKED", "a store looks whose the lease is: that alone would do"),
        Check(MUTANT, "lease", f"{calm} READS=1 LOSSES=0 NO_LEASE", "whoever comes stores"),
        Check(MUTANT, "lease", f"{calm} READS=1 LOSSES=0 NO_GENERATION", "an invalidation deletes the value alone"),
        Check(MUTANT, "lease", f"{small} BLIND_GENERATION", "a read does not compare the generation"),
        Check(MUTANT, "lease", f"{small} BLIND_STALE", "nor does one of the stale value"),
        Check(MUTANT, "lease", f"{small} COUNTER", "a lost generation begins again with the same word"),
        Check(MUTANT, "lease", f"{small} FORMER_LEASE", "a lease of former generations keeps others waiting"),
        Check(MUTANT, "lease", f"{three} NO_TOKEN", "a store does not look whose the lease is"),
        Check(MUTANT, "lease", f"{three} RELEASE_ANY", "whoever gives a lease back takes another's away"),
        Check(MUTANT, "lease", f"{restart} NO_EPOCH", "a new connection does not compare the epoch"),
        Check(MUTANT, "lease", f"{restart} BLIND_EPOCH", "a read does not compare the epoch"),
        Check(BOUND, "lease", f"{restart} SURVIVE", "data go back while connections stay: the TTL bounds it"),
    ]


def _waiting() -> list[Check]:
    sliced = "CALLERS=3 SLICES EXPIRES CRASH INVALIDATED"
    return [
        Check(HOLDS, "waiters", "", "four callers: all are woken"),
        Check(HOLDS, "waiters", "INVALIDATED", "a write invalidates during the load"),
        Check(HOLDS, "waiters", "POP", "a signal that is taken: each end of a load wakes one more"),
        Check(HOLDS, "waiters", sliced, "all come through, whatever happens", liveness=True),
        Check(MUTANT, "waiters", "INVALIDATED SILENT", "a refused store wakes nobody"),
        Check(MUTANT, "waiters", "EXPIRES", "waits have no slices, and the signal expires"),
        Check(MUTANT, "waiters", "CRASH", "waits have no slices, and a loader dies"),
        Check(HOLDS, "singleflight", "CALLERS=3 READS=1 WRITES=1", "three callers join one load: nothing stale", True),
        Check(HOLDS, "singleflight", "CALLERS=2 READS=2 WRITES=1", "two callers who read twice"),
        Check(MUTANT, "singleflight", "CALLERS=3 READS=1 WRITES=1 ANY", "whoever waits takes the outcome"),
        Check(MUTANT, "singleflight", "CALLERS=3 READS=1 WRITES=1 LATE", "current_at is taken after the store"),
        Check(HOLDS, "snapshot", "", "a load under an old snapshot is shown to its caller alone"),
        Check(MUTANT, "snapshot", "UNCHECKED", "nobody asks for the snapshot"),
        Check(MUTANT, "snapshot", "CHECKED_BEFORE", "it is asked for before the lease"),
        Check(MUTANT, "snapshot", "SHARED", "callers who wait get the outcome"),
    ]


def _near() -> list[Check]:
    calm = "ENDS=4 LOST=0"
    return [
        Check(HOLDS, "near", f"{calm} WRITES=2", "copies are behind by CACHE_NEAR_TRUST at the most", True),
        Check(HOLDS, "near", "ENDS=4 LOST=1 WRITES=1", "the listener loses its connection", True),
        Check(MUTANT, "near", f"{calm} RECEIPT", "confirmed_until is when the PONG came"),
        Check(MUTANT, "near", f"{calm} WRITES=1 UNTICKETED", "a copy is filled without a reservation"),
        Check(MUTANT, "near", f"{calm} UNORDERED", "Redis answers PING before what it has to tell"),
        Check(MUTANT, "near", "ENDS=4 WRITES=1 UNFLUSHED", "copies outlive the listener's connection"),
        Check(MUTANT, "near", "ENDS=4 WRITES=1 FLUSHED_FIRST", "copies are cleared before the listener hears again"),
    ]


def _outbox() -> list[Check]:
    live = "LIVE WRITERS=1"
    return [
        Check(HOLDS, "dispatch", "", "PostgreSQL: what is wrong in Redis is on record", True),
        Check(HOLDS, "dispatch", "SQLITE", "SQLite: one record, replaced by each write"),
        Check(HOLDS, "dispatch", live, "recovery puts Redis right", liveness=True),
        Check(MUTANT, "dispatch", f"{live} NO_REPLAY", "recovery replays nothing", liveness=True),
        Check(MUTANT, "dispatch", "NO_TRIGGER", "another program's write leaves no record"),
        Check(MUTANT, "dispatch", "BEFORE_COMMIT", "Redis is told before the commit"),
        Check(MUTANT, "dispatch", "DELETE_FIRST", "the record goes before Redis is told"),
        Check(MUTANT, "dispatch", "BY_TAG", "all records of the tag are deleted"),
        Check(MUTANT, "dispatch", "LATE_READ", "the records are read after Redis was told"),
        Check(MUTANT, "dispatch", "KEEP_OLD", "PostgreSQL: an older record stands for the new write"),
        Check(MUTANT, "dispatch", "SQLITE KEEP_OLD", "SQLite: an older record stands for the new write"),
        Check(HOLDS, "outbox", "CRASHES=1", "Redis is out of reach, the writer dies: stale for one round", True),
        Check(HOLDS, "outbox", "CRASHES=0 WRITES=1 READ_W", "the writer's process never shows what it replaced", True),
        Check(HOLDS, "outbox", "CRASHES=0 NEAR WRITES=1", "Redis refuses writes: near copies for one round"),
        Check(MUTANT, "outbox", "CRASHES=0 NEAR WRITES=1 NEAR_UNASKED", "copies are shown while the breaker is open"),
        Check(MUTANT, "outbox", "NO_OUTBOX", "no records"),
        Check(MUTANT, "outbox", "CLOSE_FIRST", "the breaker closes before records are carried out"),
        Check(
            MUTANT,
            "outbox",
            "CHANGES=2 CRASHES=0 WRITES=1 READ_W NO_SETBACKS",
            "the breaker closes whatever was refused meanwhile",
        ),
        Check(
            BOUND,
            "outbox",
            "CRASHES=0 REACHABLE",
            "strict while Redis answers the writer: not while its breaker is open",
        ),
        Check(BOUND, "outbox", "CRASHES=0 RETURNS", "strict for a reader that lost Redis: not if it is back first"),
        Check(BOUND, "outbox", "CRASHES=0 STRICT", "no stale read at all"),
        Check(
            HOLDS, "outbox", "CRASHES=0 STRICT COMMIT_WAIT", "if writes waited for a round: no stale read at all", True
        ),
        Check(HOLDS, "failover", "CUT", "a replica that is behind takes over, connections are cut"),
        Check(BOUND, "failover", "KEEP", "connections stay open, and nobody asks for the run id"),
        Check(BOUND, "failover", "SPLIT", "a process stays with the old primary: the TTL bounds it"),
        Check(
            HOLDS,
            "failover",
            "SPLIT FENCE",
            "a process stays with the old primary, the database names the one in use: one round",
        ),
        Check(HOLDS, "failover", "KEEP FENCE", "connections stay open: recovery asks for the run id, one round"),
    ]


def checks() -> list[Check]:
    return [*_lease(), *_waiting(), *_near(), *_outbox()]


def run(check: Check) -> Outcome:
    started = time.monotonic()
    defines = [f"-D{word}" for word in check.defines.split()]
    with tempfile.TemporaryDirectory() as folder:
        kind = "-DNFAIR=8" if check.liveness else "-DSAFETY"
        for command in (
            ["spin", "-a", *defines, str(MODELS / f"{check.model}.pml")],
            ["gcc", "-O2", "-w", kind, "-DCOLLAPSE", "-DVECTORSZ=2048", *defines, "-o", "pan", "pan.c"],
        ):
            built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if built.returncode:
                detail = f"\n{built.stdout}{built.stderr}"
                return Outcome(check, "broken", 0, time.monotonic() - started, detail)
        options = LIVENESS if check.liveness else ()
        text = subprocess.run(
            ["./pan", "-m2000000", *options], cwd=folder, capture_output=True, text=True, check=False
        ).stdout
    return _outcome(check, text, time.monotonic() - started)


def _outcome(check: Check, text: str, seconds: float) -> Outcome:
    errors, states = re.search(r"errors: (\d+)", text), re.search(r"([\d.e+]+) states, stored", text)
    if not errors or not states or re.search(r"search depth too small|out of memory|aborted", text):
        return Outcome(check, "unfinished", 0, seconds, f"\n{text}")
    return Outcome(check, HOLDS if errors[1] == "0" else "fails", int(float(states[1])), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the models of the cache's protocol.")
    parser.add_argument("--quick", action="store_true", help="leave out the large checks")
    parser.add_argument("--only", metavar="MODEL", help="check one model")
    options = parser.parse_args()
    if missing := [program for program in ("spin", "gcc") if not shutil.which(program)]:
        sys.exit(f"Proof: {' and '.join(missing)} must be installed (Debian: apt-get install spin gcc libc6-dev).")
    chosen = [
        check for check in checks() if not (options.quick and check.large) and options.only in (None, check.model)
    ]
    started, outcomes = time.monotonic(), []
    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(run, chosen):
            print(outcome, flush=True)
            outcomes.append(outcome)
    mutants = [outcome for outcome in outcomes if outcome.check.expected == MUTANT]
    print(
        f"{len(outcomes)} checks, {sum(outcome.states for outcome in outcomes):,} states, {len(mutants)} mutants,"
        f" {time.monotonic() - started:.0f} s"
    )
    if wrong := [outcome for outcome in outcomes if not outcome.as_expected]:
        sys.exit(f"{len(wrong)} checks are not as expected.")


if __name__ == "__main__":
    main()
