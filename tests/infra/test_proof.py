"""The models of the cache's protocol: `make proof` checks all of them, a slow test the small ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import proof
from tests.support.programs import program

ROOT = Path(__file__).resolve().parents[2]


def test_every_model_has_checks_that_hold_and_mutants() -> None:
    models = {path.stem for path in proof.MODELS.glob("*.pml")}
    for expected in (proof.HOLDS, proof.MUTANT):
        checked = {check.model for check in proof.checks() if check.expected == expected}
        assert checked == models - ({"failover"} if expected == proof.MUTANT else set())


def test_at_least_25_guards_are_taken_away() -> None:
    assert len([check for check in proof.checks() if check.expected == proof.MUTANT]) >= 25


@pytest.mark.parametrize("path", sorted(proof.MODELS.glob("*.pml")), ids=lambda path: path.stem)
def test_every_switch_of_a_check_is_one_of_its_model(path: Path) -> None:
    text = path.read_text()
    for check in proof.checks():
        if check.model == path.stem:
            for word in check.defines.split():
                assert word.partition("=")[0] in text, f"{check.model} has no {word}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["snapshot", "dispatch"])
def test_small_models_hold_and_their_mutants_do_not(model: str) -> None:
    for name in ("spin", "gcc"):
        program(name)
    command = [sys.executable, "scripts/proof.py", "--quick", "--only", model]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
