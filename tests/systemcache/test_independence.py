"""The cache knows nothing about the apps above it: they register what it shows of them."""

import re
from pathlib import Path

import systemcache

APP = Path(systemcache.__file__).parent
SUFFIXES = {".py", ".html", ".css"}
EXAMPLES = {"api/schemas.py": {'"The broker did not answer within 30 seconds."', '"broker session"'}}  # of responses


def test_the_cache_does_not_mention_the_broker() -> None:
    files = [path for path in APP.rglob("*") if path.suffix in SUFFIXES]
    assert len(files) > 80
    mentions = []
    for path in files:
        name, text = path.relative_to(APP).as_posix(), path.read_text()
        for example in EXAMPLES.get(name, ()):
            assert example in text, f"{name} no longer contains {example}"
            text = text.replace(example, "")
        mentions += [
            f"{name}: {line.strip()}" for line in text.splitlines() if re.search("broker", line, re.IGNORECASE)
        ]
    assert mentions == []
