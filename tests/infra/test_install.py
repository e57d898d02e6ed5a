"""What `make` does before it can do anything else: find a Python, and make .venv."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.infra.toolbox import Toolbox
from tests.support.programs import only_linux, program
from tests.support.waiting import eventually
from testservers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
VERSION = "{}.{}".format(*sys.version_info)

# --- finding a Python --------------------------------------------------------------------------------------


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return Toolbox(tmp_path / "bin")


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    """In a project without a .venv."""
    (tmp_path / "site" / "scripts").mkdir(parents=True)
    return Path(shutil.copy(ROOT / "scripts" / "find-python.sh", tmp_path / "site" / "scripts"))


def found(finder: Path, toolbox: Toolbox, **variables: str) -> str:
    """What is found, or the sentence that says why not."""
    done = toolbox.run(finder, **variables)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert bool(done.stdout) == (done.returncode == 0)
    return line


def test_the_versions_that_are_tried_come_before_whatever_python3_is(finder: Path, toolbox: Toolbox) -> None:
    for name in ("python3", "python3.11", "python3.12", "python"):
        toolbox.fake(name, f"echo good /usr/bin/{name}")
    assert found(finder, toolbox) == "/usr/bin/python3.12"


def test_a_python_that_does_not_fit_is_passed_over(finder: Path, toolbox: Toolbox) -> None:
    toolbox.fake("python3.13", "exit 127")  # a version manager's shim for a Python that is not there
    toolbox.fake("python3.12", "echo bare 3.12")
    toolbox.fake("python3", "echo old 3.9")
    toolbox.fake("python", "echo good /opt/python 3.14/bin/python")
    assert found(finder, toolbox) == "/opt/python 3.14/bin/python"


def test_the_one_that_is_named_is_the_only_one(finder: Path, toolbox: Toolbox) -> None:
    toolbox.fake("python3", "echo good /usr/bin/python3")
    toolbox.fake("my python", "echo good /opt/python")
    assert found(finder, toolbox, PYTHON="my python") == "/opt/python"
    assert found(finder, toolbox, PYTHON="no-such-python") == (
        "PYTHON=no-such-python does not run; name a Python 3.11 or newer, or leave PYTHON unset."
    )


def test_no_python_is_a_sentence(finder: Path, toolbox: Toolbox) -> None:
    sentence = found(finder, toolbox)
    assert sentence.startswith("Python 3.11 or newer is needed, and none is on the PATH; install it (Debian, Ubuntu: ")
    assert sentence.endswith("or name it: make run PYTHON=/path/to/python3")


def test_an_old_python_is_a_sentence(finder: Path, toolbox: Toolbox) -> None:
    toolbox.fake("python3", "echo old 3.9")
    sentence = found(finder, toolbox)
    assert sentence.startswith("Python 3.11 or newer is needed, but python3 is Python 3.9; install a newer one (")


def test_a_python_without_venv_is_a_sentence(finder: Path, toolbox: Toolbox) -> None:
    toolbox.fake("python3.12", "echo bare 3.12")
    toolbox.fake("python3", "echo old 3.9")
    assert found(finder, toolbox) == (
        "Python 3.12 is here without its venv module; "
        "install it (Debian, Ubuntu: sudo apt-get install python3.12-venv)."
    )


def test_without_another_python_the_one_in_venv_goes_on(finder: Path, toolbox: Toolbox) -> None:
    (finder.parents[1] / ".venv" / "bin").mkdir(parents=True)
    (finder.parents[1] / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert Path(found(finder, toolbox)).name.startswith("python")


def test_a_real_python_is_asked_for_its_version_and_modules(finder: Path, tmp_path: Path) -> None:
    def run(python: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "PYTHON": python}
        return subprocess.run(["sh", str(finder)], capture_output=True, text=True, env=environment, check=False)

    assert Path(run(sys.executable).stdout.strip()).samefile(sys.executable)
    crippled = tmp_path / "crippled"  # as on Debian without python3-venv
    without = "import sys; sys.modules['ensurepip'] = None"
    crippled.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{without}\n$2"\n')
    crippled.chmod(0o755)
    assert run(str(crippled)).stderr.startswith(f"Python {VERSION} is here without its venv module")


# --- making .venv ------------------------------------------------------------------------------------------

ABSENT = f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n"


class Project:
    """A project with one dependency, a wheel beside it, so that no network is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        (folder / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "Makefile", folder)
        for script in filter(Path.is_file, (ROOT / "scripts").iterdir()):
            shutil.copy(script, folder / "scripts")
        self.require("one")
        (folder / "requirements-dev.txt").write_text("")

    def require(self, name: str) -> None:
        wheel = self.folder / f"{name}-1.0-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", "")
            archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
            archive.writestr(f"{name}-1.0.dist-info/WHEEL", tags)
            archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.folder / "requirements.txt").write_text(f"./{wheel.name} --hash=sha256:{digest}\n")

    def start(self, **variables: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            **variables,
        }
        return subprocess.Popen(
            [program("make"), "--silent", "install"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore SIGINT
        )

    def install(self, **variables: str) -> list[str]:
        """What it prints: of its errors all but make's own line."""
        output, errors = self.start(**variables).communicate(timeout=100)
        return [line for line in (output + errors).splitlines() if not line.startswith("make: ***")]

    def has(self, name: str) -> bool:
        command = [str(self.venv / "bin" / "python"), "-c", f"import {name}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


MAKING = f"Making .venv with Python {sys.version.split()[0]}."
INSTALLING = "Installing requirements.txt into .venv; the first time takes a minute or two."
AGAIN = ".venv is incomplete, or its Python is gone: making it again."
WAITING = "Waiting for another make, which is installing into .venv."


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "my site #1")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Installed; each test leaves it so."""
    project = Project(tmp_path_factory.mktemp("installed") / "site")
    assert project.install() == [MAKING, INSTALLING]
    assert project.has("one")
    return project


@pytest.mark.slow
def test_what_is_installed_is_not_installed_again(installed: Project) -> None:
    assert installed.install() == []


@pytest.mark.slow
def test_changed_requirements_are_installed_into_the_same_venv(installed: Project) -> None:
    made = (installed.venv / "pyvenv.cfg").stat().st_ino
    installed.require("two")
    assert installed.install() == [INSTALLING]
    assert installed.has("two")
    assert (installed.venv / "pyvenv.cfg").stat().st_ino == made


@pytest.mark.slow
def test_requirements_that_cannot_be_had_leave_the_venv_as_it_was(installed: Project) -> None:
    before = (installed.folder / "requirements.txt").read_text()
    (installed.folder / "requirements.txt").write_text(ABSENT)
    for _ in range(2):
        first, sentence = installed.install()
        assert first == INSTALLING
        assert sentence == (
            f"pip cannot install the packages with Python {sys.version.split()[0]} "
            "(No matching distribution found for no-such-package==1.0); .venv/install.log says more."
        )
    (installed.folder / "requirements.txt").write_text(before)
    assert installed.install() == []


@pytest.mark.slow
def test_a_package_that_is_not_the_pinned_one_is_not_installed(installed: Project) -> None:
    before = (installed.folder / "requirements.txt").read_text()
    installed.require("forged")
    pinned = (installed.folder / "requirements.txt").read_text()
    (installed.folder / "requirements.txt").write_text(re.sub("sha256:.{8}", "sha256:00000000", pinned))
    assert "DO NOT MATCH" in installed.install()[-1]
    assert not installed.has("forged")
    (installed.folder / "requirements.txt").write_text(before)
    assert installed.install() == []


@pytest.mark.slow
def test_without_a_network_the_sentence_says_so(installed: Project) -> None:
    before = (installed.folder / "requirements.txt").read_text()
    (installed.folder / "requirements.txt").write_text(ABSENT)
    nobody = f"http://127.0.0.1:{free_port()}/simple"
    sentence = installed.install(PIP_NO_INDEX="0", PIP_INDEX_URL=nobody, PIP_RETRIES="1")[-1]
    assert sentence.startswith("The packages cannot be downloaded, because the package index does not answer; check")
    (installed.folder / "requirements.txt").write_text(before)


@pytest.mark.slow
def test_a_pip_that_is_configured_to_install_for_the_user_installs_into_the_venv(installed: Project) -> None:
    installed.require("three")
    assert installed.install(PIP_USER="1") == [INSTALLING]
    assert installed.has("three")


def test_a_folder_that_cannot_be_written_is_a_sentence(project: Project) -> None:
    (project.folder / ".venv.lock").mkdir()  # root may write anywhere
    (sentence,) = project.install()
    assert sentence.startswith("The packages cannot be installed: [Errno 21] Is a directory")
    if os.geteuid():
        project.folder.chmod(0o500)
        (sentence,) = project.install()
        project.folder.chmod(0o700)
        assert sentence.startswith(f"This user cannot write to {project.folder}; use a copy of your own")


def test_a_link_to_the_venv_of_another_folder_is_refused_and_that_venv_stays(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other" / ".venv"
    (other / "bin").mkdir(parents=True)
    project.venv.symlink_to(other)
    (sentence,) = project.install()
    assert sentence.startswith(f".venv is a link to {other}, which may be another project's and is left alone")
    assert list(other.iterdir()) == [other / "bin"]


def replace_by_a_file(venv: Path) -> None:
    shutil.rmtree(venv)
    venv.touch()


def empty(venv: Path) -> None:
    shutil.rmtree(venv)
    venv.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda venv: (venv / "installed.json").unlink(),  # pip was interrupted
        lambda venv: (venv / "installed.json").write_text("{"),
        lambda venv: (venv / "bin" / "python").unlink(),
        lambda venv: shutil.rmtree(next((venv / "lib").glob("python3*"))),  # Python was upgraded under it
        replace_by_a_file,
        empty,
    ],
    ids=["interrupted", "no stamp", "no python", "upgraded", "a file", "empty"],
)
def test_a_broken_venv_is_made_again(project: Project, damage: Callable[[Path], object]) -> None:
    assert project.install() == [MAKING, INSTALLING]
    damage(project.venv)
    assert project.install() == [AGAIN, MAKING, INSTALLING]
    assert project.has("one")
    assert project.install() == []


@pytest.mark.slow
def test_a_project_that_was_moved_gets_a_venv_of_its_own(project: Project) -> None:
    assert project.install() == [MAKING, INSTALLING]
    moved = Project(project.folder.with_name("moved"))
    project.venv.rename(moved.venv)
    assert moved.install() == [AGAIN, MAKING, INSTALLING]


@pytest.mark.slow
def test_first_installations_at_once_make_one_venv(project: Project) -> None:
    started = [project.start() for _ in range(3)]
    printed = sorted(process.communicate(timeout=100) for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert printed == [(f"{MAKING}\n{INSTALLING}\n", ""), (f"{WAITING}\n", ""), (f"{WAITING}\n", "")]
    assert project.has("one")


@pytest.mark.slow
@only_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_installation_is_made_good_by_the_next(project: Project, number: signal.Signals) -> None:
    first = project.start()
    eventually((project.venv / "pyvenv.cfg").exists)
    os.killpg(first.pid, number)
    _, errors = first.communicate(timeout=100)
    assert "Traceback" not in errors
    assert first.returncode
    assert project.install()[-2:] == [MAKING, INSTALLING]
    assert project.has("one")


# --- the Makefile ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_make_alone_lists_every_target_and_makes_nothing(project: Project, arguments: list[str]) -> None:
    # make itself may run these tests, and tells the makes below it to print the folders that they enter.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = [program("make"), *arguments]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert listed == targets - {"install", "install-dev"}
    assert not project.venv.exists()
