"""The pages of a cache trace, in the order in which they were requested, and what they hold here.

The trace is a real one (../shared/data/traces); where it is not beside the project, one is made with its figures.
"""

import lzma
import random
import struct
from pathlib import Path

from django.conf import settings

from systemcache.families import Family

TRACE = Path(settings.BASE_DIR).parent / "shared" / "data" / "traces" / "cache2k_web12.trace.xz"
REQUESTS, PAGES, ZIPF_EXPONENT = 95_607, 13_756, 1.01  # of the real one
PAYLOAD = "x" * 1_000


def requests() -> list[int]:
    """Page numbers."""
    if TRACE.is_file():
        return [page for (page,) in struct.iter_unpack(">i", lzma.decompress(TRACE.read_bytes()))]
    print(f"{TRACE.name} is not beside the project: the requests are made up, by Zipf's law")
    weights = [1 / rank**ZIPF_EXPONENT for rank in range(1, PAGES + 1)]
    return random.Random(TRACE.name).choices(range(PAGES), weights, k=REQUESTS)


def family() -> Family[str]:
    return Family("bench_page", "bench:page:{page}", str)
