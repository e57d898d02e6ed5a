"""A real cache trace (../shared/data/traces): which pages were asked for, in their order; and what they hold here."""

import lzma
import struct
from pathlib import Path

from django.conf import settings

from systemcache.families import Family

TRACE = Path(settings.BASE_DIR).parent / "shared" / "data" / "traces" / "cache2k_web12.trace.xz"
PAYLOAD = "x" * 1_000


def asked() -> list[int]:
    """Page numbers; none where the trace is not beside the project."""
    if not TRACE.is_file():
        print(f"the trace is left out: {TRACE.name} is not beside the project")
        return []
    return [key for (key,) in struct.iter_unpack(">i", lzma.decompress(TRACE.read_bytes()))]


def family() -> Family[str]:
    return Family("bench_page", "bench:page:{page}", str)
