"""A PATH with nothing on it but what a test puts there."""

import shutil
import subprocess
from pathlib import Path

BASICS = ("bash", "cat", "dirname", "env", "grep", "id", "od", "sed", "sleep", "tail", "tr")


class Toolbox:
    """A folder with the basic programs and with fakes, which note how they were called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._calls = directory / "calls"
        directory.mkdir()
        self._calls.touch()
        for name in BASICS:
            (directory / name).symlink_to(shutil.which(name) or name)

    def fake(self, name: str, script: str = "") -> None:
        path = self.directory / name
        path.write_text(f'#!{self.directory}/bash\necho "{name} $*" >>"{self._calls}"\n{script}\n')
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()

    def run(
        self, script: Path, *arguments: str, answer: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.directory / "bash", script, *arguments],
            input=answer,
            capture_output=True,
            text=True,
            env={"PATH": str(self.directory), **variables},
            cwd="/",
            timeout=30,
            check=False,
        )
