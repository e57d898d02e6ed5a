"""start-infra.sh, stop-infra.sh and .ci/run, with fake programs on the PATH."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.infra.toolbox import Toolbox
from tests.support.programs import program

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("start-infra.sh", "stop-infra.sh", ".ci/run", "scripts/find-python.sh")
DOCKER = """
case "$*" in
    *" ps "*) echo "infra_1  Up 3 seconds ($HEALTH)" ;;
    *" logs "*) echo "the end of the logs" ;;
    *" up "*) exit "${UP_FAILS:-0}" ;;
    *" exec "*) exit "${PASSWORD_WRONG:-0}" ;;
esac
"""
UP = "docker compose -f docker-compose.infra.yml up -d"


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return Toolbox(tmp_path / "bin")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy, because start-infra.sh leaves a file beside itself."""
    site = tmp_path / "a site"
    for script in SCRIPTS:
        (site / script).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / script, site / script)
    return site


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    run = subprocess.run([program("shellcheck"), ROOT / script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_may_be_executed(script: str) -> None:
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("script", ["start-infra.sh", "stop-infra.sh"])
def test_help_tells_how_to_use_it_and_does_nothing(script: str, site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker")
    run = toolbox.run(site / script, "--help")
    assert (run.returncode, toolbox.calls) == (0, [])
    assert run.stdout.startswith(f"Usage: ./{script}")


@pytest.mark.parametrize("script", ["start-infra.sh", "stop-infra.sh"])
def test_an_unknown_argument_is_refused(script: str, site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker")
    run = toolbox.run(site / script, "--force")
    assert (run.returncode, toolbox.calls) == (2, [])


@pytest.mark.parametrize("script", ["start-infra.sh", "stop-infra.sh"])
def test_no_docker_is_said_in_a_sentence(script: str, site: Path, toolbox: Toolbox) -> None:
    run = toolbox.run(site / script)
    assert run.returncode == 1
    assert "Docker Compose is not installed" in run.stderr


def test_start_waits_for_health_and_prints_both_urls(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    run = toolbox.run(
        site / "start-infra.sh", HEALTH="healthy", REDIS_PORT="7000", POSTGRES_PASSWORD="abc", REDIS_PASSWORD="def"
    )
    assert run.returncode == 0, run.stderr
    assert UP in toolbox.calls
    assert "export REDIS_URL=redis://:def@127.0.0.1:7000/0\n" in run.stdout
    assert "export DATABASE_URL=postgres://tradingsite:abc@127.0.0.1:5432/tradingsite\n" in run.stdout


def test_start_uses_the_older_docker_compose_where_docker_has_no_compose(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", "exit 1")
    toolbox.fake("docker-compose", DOCKER)
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy")
    assert run.returncode == 0, run.stderr
    assert "docker-compose -f docker-compose.infra.yml up -d" in toolbox.calls


def kept_password(site: Path, name: str) -> str:
    [line] = [line for line in (site / ".env.infra").read_text().splitlines() if line.startswith(f"{name}=")]
    return line.partition("=")[2]


def test_the_first_start_makes_both_passwords_and_the_second_uses_them_again(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    runs = [toolbox.run(site / "start-infra.sh", HEALTH="healthy") for _ in range(2)]
    passwords = [kept_password(site, name) for name in ("REDIS_PASSWORD", "POSTGRES_PASSWORD")]
    assert len(set(passwords)) == 2
    for password in passwords:
        assert len(password) == 48
        assert all(f":{password}@" in run.stdout for run in runs)
    assert stat.S_IMODE((site / ".env.infra").stat().st_mode) == 0o600


def test_a_file_of_before_redis_had_a_password_gets_one_and_is_closed_to_others(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    (toolbox.directory / "chmod").symlink_to(shutil.which("chmod") or "chmod")
    kept = site / ".env.infra"
    kept.write_text("POSTGRES_PASSWORD=kept\n")
    kept.chmod(0o644)
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy")
    assert f"redis://:{kept_password(site, 'REDIS_PASSWORD')}@" in run.stdout
    assert ":kept@" in run.stdout
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.168.1.5", "::"])
def test_nothing_is_opened_to_others_with_a_password_that_can_be_guessed(
    site: Path, toolbox: Toolbox, bind: str
) -> None:
    toolbox.fake("docker", DOCKER)
    weak = {"REDIS_PASSWORD": "secret", "POSTGRES_PASSWORD": "secret"}
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy", INFRA_BIND=bind, **weak)
    assert run.returncode == 1
    assert "REDIS_PASSWORD has fewer than 16 characters" in run.stderr
    assert UP not in toolbox.calls
    assert toolbox.run(site / "start-infra.sh", HEALTH="healthy", INFRA_BIND=bind).returncode == 0
    assert len(kept_password(site, "REDIS_PASSWORD")) == 48
    assert toolbox.run(site / "start-infra.sh", HEALTH="healthy", **weak).returncode == 0  # on loopback it may be any


def test_settings_of_the_file_give_way_to_the_environment(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    (site / ".env.infra").write_text("POSTGRES_PASSWORD=kept\nREDIS_PORT=7001\nPOSTGRES_PORT=7002\n")
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy", REDIS_PORT="7003")
    assert "@127.0.0.1:7003/0" in run.stdout
    assert ":kept@127.0.0.1:7002/" in run.stdout


def test_a_password_that_no_url_can_hold_is_refused(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy", POSTGRES_PASSWORD="a/b@c")
    assert run.returncode == 1
    assert "POSTGRES_PASSWORD" in run.stderr
    assert UP not in toolbox.calls


def test_what_never_gets_healthy_ends_with_the_logs(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    run = toolbox.run(site / "start-infra.sh", HEALTH="unhealthy", INFRA_WAIT_SECONDS="0")
    assert run.returncode == 1
    assert "the end of the logs" in run.stderr
    assert "redis is not healthy" in run.stderr
    assert "DATABASE_URL" not in run.stdout


def test_a_compose_that_fails_is_told_with_what_to_look_at(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy", UP_FAILS="1")
    assert run.returncode == 1
    assert "Is a port taken" in run.stderr


def test_a_database_made_with_another_password_is_named_in_the_error(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    run = toolbox.run(site / "start-infra.sh", HEALTH="healthy", PASSWORD_WRONG="2")
    assert run.returncode == 1
    assert "made with another one" in run.stderr


def test_stop_keeps_the_data(site: Path, toolbox: Toolbox) -> None:
    toolbox.fake("docker", DOCKER)
    assert toolbox.run(site / "stop-infra.sh").returncode == 0
    assert toolbox.calls[-1] == "docker compose -f docker-compose.infra.yml down"


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
def test_stop_drops_nothing_unless_the_answer_is_yes(site: Path, toolbox: Toolbox, answer: str) -> None:
    toolbox.fake("docker", DOCKER)
    run = toolbox.run(site / "stop-infra.sh", "--volumes", answer=answer)
    assert run.returncode == 1
    assert not any("down" in call for call in toolbox.calls)


@pytest.mark.parametrize(("arguments", "answer"), [(["--volumes"], "yes\n"), (["--volumes", "--yes"], "")])
def test_stop_deletes_the_data_on_request(site: Path, toolbox: Toolbox, arguments: list[str], answer: str) -> None:
    toolbox.fake("docker", DOCKER)
    assert toolbox.run(site / "stop-infra.sh", *arguments, answer=answer).returncode == 0
    assert toolbox.calls[-1] == "docker compose -f docker-compose.infra.yml down --volumes"


PROGRAMS = (
    *("git", "redis-server", "initdb", "chromium", "docker-compose", "shellcheck"),
    *("prometheus", "promtool", "spin", "gcc"),
    *("redis-sentinel", "pgbouncer", "systemd-analyze", "mosquitto", "mosquitto_pub"),
    *("apt-get", "sudo"),
)


@pytest.fixture
def complete(toolbox: Toolbox) -> Toolbox:
    for name in PROGRAMS:
        toolbox.fake(name, '[ $1 = env ] && shift 2; exec "$@"' if name == "sudo" else "")
    toolbox.fake("python3", "echo good /usr/bin/python3")
    toolbox.fake("make", 'echo "CI=$CI in $PWD"; exit "${MAKE_FAILS:-0}"')
    return toolbox


def test_ci_with_every_program_installs_nothing_and_runs_make(site: Path, complete: Toolbox) -> None:
    run = complete.run(site / ".ci/run")
    assert run.returncode == 0, run.stderr
    assert complete.calls[-1] == "make check test test-slow"
    assert not any(call.startswith("apt-get") for call in complete.calls)
    assert f"CI=true in {site}" in run.stdout


def test_ci_installs_just_what_is_missing(site: Path, complete: Toolbox) -> None:
    (complete.directory / "redis-server").unlink()
    (complete.directory / "shellcheck").unlink()
    (complete.directory / "promtool").unlink()
    run = complete.run(site / ".ci/run")
    assert run.returncode == 0, run.stderr
    update, install = [call for call in complete.calls if call.startswith("apt-get")]
    assert update == "apt-get update -qq"
    assert install == "apt-get install -y -qq --no-install-recommends redis-server shellcheck prometheus"


@pytest.mark.parametrize("answer", ["old 3.10", "bare 3.12"])
def test_ci_installs_a_python_where_none_fits(site: Path, complete: Toolbox, answer: str) -> None:
    complete.fake("python3", f"echo {answer}")
    assert complete.run(site / ".ci/run").returncode == 0
    assert complete.calls.count("apt-get install -y -qq --no-install-recommends python3 python3-venv") == 1


def test_ci_says_what_is_missing_where_it_cannot_install_it(site: Path, complete: Toolbox) -> None:
    (complete.directory / "chromium").unlink()
    (complete.directory / "apt-get").unlink()
    run = complete.run(site / ".ci/run")
    assert run.returncode == 1
    assert "chromium" in run.stderr
    assert not any(call.startswith("make") for call in complete.calls)


def test_ci_ends_with_the_exit_code_of_make_and_leaves_ci_as_it_is_set(site: Path, complete: Toolbox) -> None:
    run = complete.run(site / ".ci/run", MAKE_FAILS="3", CI="1")
    assert run.returncode == 3
    assert "CI=1 in" in run.stdout
