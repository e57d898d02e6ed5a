"""Packets with their values: those of the reference where it is beside the project, else a few of the same form."""

import json
from pathlib import Path
from typing import Any

from tests.support.market_data import SHARED_DATA

FILE = SHARED_DATA / "iifl_stream" / "vectors.json"
SAMPLE = Path(__file__).parent / "sample_vectors.json"


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    file = FILE if FILE.exists() else SAMPLE
    return [vector for vector in json.loads(file.read_text())["vectors"] if vector["kind"] in kinds]


def named(name: str) -> dict[str, Any]:
    return next(vector for vector in of_kind("payload", "json", "mqtt") if vector["name"] == name)
