"""The documents stay true: what they name exists, and what must be named is."""

import importlib
import importlib.util
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from systemcache import families
from systemcache.families import Family

ROOT = Path(settings.BASE_DIR)
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
CURRENT = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", *PAGES]
ALL = [*CURRENT, "CHANGELOG.md"]
APPS = ("tradingsite", "dashboard", "alerts", "watchlist", "broker", "systemcache")
FOLDERS = (*APPS, "benchmarks", "docs", "infra", "scripts", "tests", "testservers")
PERMISSION = re.compile(r"\.(add_|change_|delete_|view_|clear_|trade$|log_in$)")
CHECK_ID = re.compile(r"(?:systemcache|tradingsite)\.[EW]\d+")
READER = re.compile(r"env\.\w+\(\s*\"([A-Z0-9_]+)\"")
VARIABLE = re.compile(r"\b(?:API|CACHE|DATABASE|DJANGO|IIFL|LOG|REDIS|SIMULATOR|TRADING|WARM|WEB)_[A-Z_]*[A-Z0-9]\b")
STALE = {0: "never", 900: "15 min", 86_400: "1 day", 7 * 86_400: "7 days"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def quoted(document: str) -> set[str]:
    """What stands in backticks, outside blocks of code."""
    text = re.sub(r"^```.*?^```", "", text_of(document), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", text))


def variables_read() -> set[str]:
    source = text_of("tradingsite/settings.py")
    listed = {f"CACHE_TTL_{name.upper()}" for name in settings.CACHE_TTLS}
    listed |= {f"CACHE_STALE_{name.upper()}" for name in settings.CACHE_STALE}
    listed |= {f"IIFL_LIMIT_{name.upper()}" for name in settings.IIFL_LIMITS}
    return set(READER.findall(source)) | listed


def anchors(text: str) -> set[str]:
    """The names by which headings are linked to: in lower case, without punctuation, with hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_variable_that_is_read_stands_in_the_example_and_no_other() -> None:
    named = set(re.findall(r"^([A-Z0-9_]+)=", text_of(".env.example"), re.MULTILINE))
    assert named == variables_read()


def test_the_examples_defaults_are_the_defaults() -> None:
    limits = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"]).IIFL_LIMITS
    for name, value in re.findall(r"^IIFL_LIMIT_([A-Z_]+)=(\d+)", text_of(".env.example"), re.MULTILINE):
        assert limits.get(name.lower(), settings.IIFL_LIMIT_WAIT) == int(value)
    for name, value in re.findall(r"^CACHE_TTL_([A-Z_]+)=(\d+)", text_of(".env.example"), re.MULTILINE):
        assert settings.CACHE_TTLS[name.lower()] == int(value)
    for name, value in re.findall(r"^CACHE_STALE_([A-Z_]+)=(\d+)", text_of(".env.example"), re.MULTILINE):
        assert settings.CACHE_STALE[name.lower()] == int(value)


@pytest.mark.parametrize("document", ALL)
def test_every_command_that_a_document_names_exists(document: str) -> None:
    named = set(re.findall(r"manage\.py ([a-z]\w+)", text_of(document)))
    if document == "README.md":
        named |= set(re.findall(r"^\| `([a-z]+)", text_of(document).split("## Commands")[1], re.MULTILINE))
    assert named <= set(get_commands())


def test_every_command_of_ours_stands_in_the_readme() -> None:
    ours = {name for name, app in get_commands().items() if app in APPS}
    assert ours <= set(re.findall(r"^\| `([a-z]+)", text_of("README.md"), re.MULTILINE))


@pytest.mark.parametrize("document", ALL)
def test_every_route_that_a_document_names_exists(document: str) -> None:
    for route in re.findall(r"(?<![\w.])(/(?:api|admin|broker|metrics)[\w/{}-]*)", text_of(document)):
        try:
            resolve(re.sub(r"{\w+}", "x", route).rstrip("/") + "/")
        except Resolver404:
            pytest.fail(f"{document} names {route}")


@pytest.mark.parametrize("document", ALL)
def test_every_file_picture_and_heading_that_a_document_links_to_exists(document: str) -> None:
    folder = (ROOT / document).parent
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text_of(document)):
        target = folder / file if file else ROOT / document
        assert target.exists(), f"{document} links to {file}"
        assert not anchor or anchor in anchors(target.read_text()), f"{document} links to {file}#{anchor}"


@pytest.mark.parametrize("document", ALL)
def test_every_module_that_a_document_names_exists(document: str) -> None:
    for name in quoted(document):
        is_module = re.fullmatch(rf"(?:{'|'.join(APPS)})(?:\.\w+)+", name)
        if is_module and not PERMISSION.search(name) and not CHECK_ID.fullmatch(name):
            assert exists(name), f"{document} names {name}"


def exists(name: str) -> bool:
    """Whether this is a module, or a name in one."""
    try:
        importlib.import_module(name)
    except ImportError:
        try:
            import_string(name)
        except ImportError:
            return False
    return True


@pytest.mark.parametrize("document", CURRENT)
def test_every_path_and_file_that_a_document_names_exists(document: str) -> None:
    names = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    for name in quoted(document):
        if name.startswith(tuple(f"{folder}/" for folder in FOLDERS)) and re.fullmatch(r"[\w./-]+", name):
            assert (ROOT / name).exists(), f"{document} names {name}"
        elif re.fullmatch(r"\w+\.py", name):
            assert name in names | {"manage.py"}, f"{document} names {name}"


@pytest.mark.parametrize("document", CURRENT)
def test_every_setting_that_a_document_names_exists(document: str) -> None:
    known = variables_read()
    for name in {found for words in quoted(document) for found in VARIABLE.findall(words)}:
        assert name in known or hasattr(settings, name), f"{document} names {name}"


@pytest.mark.parametrize("document", CURRENT)
def test_every_class_function_and_constant_that_a_document_names_stands_in_the_code(document: str) -> None:
    for name in quoted(document):
        if re.fullmatch(r"[a-z]+(?:_[a-z0-9]+)+|(?:[A-Z][a-z]+){2,}|[A-Z]+(?:_[A-Z]+)+", name):
            known = {name, name.removesuffix("_total")} & (words_of_code() | variables_read())  # counters end in _total
            assert known, f"{document} names {name}"


@cache
def words_of_code() -> set[str]:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return {word for path in files for word in re.findall(r"\w+", path.read_text())}


@pytest.mark.parametrize("document", CURRENT)
def test_every_benchmark_that_a_document_names_exists(document: str) -> None:
    for name in re.findall(r"make bench ONLY=([a-z]\w*)", text_of(document)):
        assert "\ndef run(" in text_of(f"benchmarks/{name}.py"), f"{document} names {name}"
    for name in re.findall(r"python -m (benchmarks[\w.]*)", text_of(document)):
        assert importlib.util.find_spec(name), f"{document} names {name}"


@pytest.mark.parametrize("document", CURRENT)
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))
    found = re.findall(r"`make ([\w-]+)|^make ([\w-]+)", text_of(document), re.MULTILINE)
    assert {name for pair in found for name in pair if name} <= targets


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/README.md"])
def test_every_page_ends_with_the_modules_and_tests_where_it_stands(page: str) -> None:
    end = text_of(page).rpartition("\n## ")[2]
    assert end.startswith("Code and tests\n")
    assert "Module" in end
    assert "Test" in end


def test_the_index_lists_every_page() -> None:
    links = re.findall(r"\]\(([^)#]+\.md)\)", text_of("docs/README.md"))
    assert sorted(f"docs/{link}" for link in links if not link.startswith("..")) == sorted(
        set(PAGES) - {"docs/README.md"}
    )


@pytest.mark.parametrize("family", families.registered(), ids=lambda family: family.name)
def test_the_table_of_families_says_what_they_declare(family: Family[Any]) -> None:
    rows = re.findall(r"^\| (\w+) \| `(.+?)` \| ([\d,]+).*? \| (.+?) \| (.*?) ?\|$", page_of_families(), re.MULTILINE)
    (row,) = [row for row in rows if row[0] == family.name]
    flags = [flag for flag in ("strict", "near", "ahead", "secret", "pushed") if getattr(family, flag)]
    assert row == (family.name, family.template, f"{family.ttl:,}", STALE[family.stale_for], ", ".join(flags))


def page_of_families() -> str:
    return text_of("docs/cache/keys-and-families.md")


def test_every_system_check_is_documented() -> None:
    ids = {name for app in ("systemcache", "tradingsite") for name in CHECK_ID.findall(text_of(f"{app}/checks.py"))}
    documented = {name for page in PAGES for name in CHECK_ID.findall(text_of(page))}
    assert ids
    assert documented == ids
