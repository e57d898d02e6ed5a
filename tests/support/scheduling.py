"""Which of the test processes runs a test: tests that share a site or other processes also share a test process."""

from collections.abc import Mapping

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # xdist has no types

# What the tests of these files share is started once, by the test process that runs them all.
GROUPS: Mapping[str, str] = {
    "tests/systemcache/promises/test_herd.py": "four processes that read",
    "tests/systemcache/promises/test_interleavings.py": "four processes that read",
    "tests/systemcache/failures/test_counting.py": "a site beside a failing Redis",
    "tests/systemcache/failures/test_hung.py": "a site beside a failing Redis",
    "tests/systemcache/failures/test_older_file.py": "a site beside a failing Redis",
    "tests/systemcache/failures/test_site.py": "a site beside a failing Redis",
    "tests/site/test_cache_pages.py": "a site and a browser",
    "tests/site/test_pages.py": "a site and a browser",
    "tests/site/test_runsite.py": "a site and a browser",
    "tests/site/test_monitoring.py": "sites on servers",
    "tests/site/test_servers.py": "sites on servers",
    "tests/site/stream/test_stream.py": "a stream process",
    "tests/site/stream/test_trouble.py": "a stream process",
    "tests/site/test_dashboard.py": "a site with pages in use",
    "tests/site/test_trading_walks.py": "a site where orders are placed",
    "tests/site/test_guide.py": "a site with the guide's value",
    "tests/systemcache/failures/test_fencing.py": "servers of which one is in use",
    "tests/infra/test_tests.py": "the source of all tests",
    "tests/infra/test_install.py": "an installed project",
    "tests/infra/test_proxy.py": "a site behind nginx",
}


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out the tests one by one, and those of a group together."""

    def _split_scope(self, nodeid: str) -> str:
        return GROUPS.get(nodeid.partition("::")[0], nodeid)
