"""Families of numbers that stand on the board: the source that the scripted tests load from."""

from systemcache import families
from systemcache.families import Family

SLOTS = {name: slot for slot, name in enumerate("abcdefgh")}
TTL = 60
STALE_FOR = 600

NUMBER = Family("promise_number", "promise:number:{name}", int, tags=("promise:{name}",), load_timeout=20)
BRIEF = Family("promise_brief", "promise:brief:{name}", int, load_timeout=0.5)  # its leases end before slow loads do
KILLED = Family("promise_killed", "promise:killed:{name}", int, load_timeout=1.0)
AHEAD = Family("promise_ahead", "promise:ahead:{name}", int, ahead=True, load_timeout=20)
LASTING = Family("promise_lasting", "promise:lasting:{name}", int, load_timeout=20)  # shown stale when the source fails
STRICT = Family("promise_strict", "promise:strict:{name}", int, strict=True, load_timeout=20)
ALL = (NUMBER, BRIEF, KILLED, AHEAD, LASTING, STRICT)


def install(settings: object) -> None:
    """Registers them, with TTLs."""
    families.register(*ALL)
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, **{family.name: TTL for family in ALL}}  # type: ignore[attr-defined]
    settings.CACHE_STALE = {**settings.CACHE_STALE, LASTING.name: STALE_FOR}  # type: ignore[attr-defined]
