"""The papers stay true: what they name is there, and what must be named is."""

import importlib
import importlib.util
import os
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from systemcache import families

ROOT = Path(settings.BASE_DIR)
PAPERS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
PERMISSION = re.compile(r"\.(add_|change_|delete_|view_|clear_|trade$|log_in$)")
READER = re.compile(r"env\.\w+\(\s*\"([A-Z_]+)\"")


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def variables_read() -> set[str]:
    source = text_of("tradingsite/settings.py")
    listed = {f"CACHE_TTL_{name.upper()}" for name in settings.CACHE_TTLS}
    listed |= {f"CACHE_STALE_{name.upper()}" for name in settings.CACHE_STALE}
    listed |= {f"IIFL_LIMIT_{name.upper()}" for name in settings.IIFL_LIMITS}
    return set(READER.findall(source)) | listed


def test_every_variable_that_is_read_stands_in_the_example_and_no_other() -> None:
    named = set(re.findall(r"^([A-Z_]+)=", text_of(".env.example"), re.MULTILINE))
    assert named == variables_read()


def test_the_examples_defaults_are_the_defaults() -> None:
    limits = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"]).IIFL_LIMITS
    for name, value in re.findall(r"^IIFL_LIMIT_([A-Z_]+)=(\d+)", text_of(".env.example"), re.MULTILINE):
        assert limits.get(name.lower(), settings.IIFL_LIMIT_WAIT) == int(value)
    for name, value in re.findall(r"^CACHE_TTL_([A-Z_]+)=(\d+)", text_of(".env.example"), re.MULTILINE):
        assert settings.CACHE_TTLS[name.lower()] == int(value)
    for name, value in re.findall(r"^CACHE_STALE_([A-Z_]+)=(\d+)", text_of(".env.example"), re.MULTILINE):
        assert settings.CACHE_STALE[name.lower()] == int(value)


@pytest.mark.parametrize("paper", PAPERS)
def test_every_command_that_a_paper_names_exists(paper: str) -> None:
    named = set(re.findall(r"manage\.py ([a-z]\w+)", text_of(paper)))
    if paper == "README.md":
        named |= set(re.findall(r"^\| `([a-z]+)", text_of(paper).split("## Commands")[1], re.MULTILINE))
    assert named <= set(get_commands())


def test_every_command_of_ours_stands_in_the_readme() -> None:
    apps = ("tradingsite", "watchlist", "broker", "systemcache")
    ours = {name for name, app in get_commands().items() if app in apps}
    assert ours <= set(re.findall(r"^\| `([a-z]+)", text_of("README.md"), re.MULTILINE))


@pytest.mark.parametrize("paper", PAPERS)
def test_every_route_that_a_paper_names_exists(paper: str) -> None:
    for route in re.findall(r"(?<![\w.])(/(?:api|admin|metrics)[\w/{}-]*)", text_of(paper)):
        try:
            resolve(re.sub(r"{\w+}", "x", route).rstrip("/") + "/")
        except Resolver404:
            pytest.fail(f"{paper} names {route}")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_file_and_picture_that_a_paper_links_to_exists(paper: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text_of(paper))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("paper", PAPERS)
def test_every_module_that_a_paper_names_exists(paper: str) -> None:
    names = re.findall(r"`((?:systemcache|broker|watchlist|tradingsite)\.\w+)", text_of(paper))
    named = [name for name in names if not PERMISSION.search(name)]
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("paper", PAPERS)
def test_every_make_target_that_a_paper_names_exists(paper: str) -> None:
    targets = set(re.findall(r"^(\w+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)|^make (\w+)", text_of(paper), re.MULTILINE)) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }


def test_architecture_names_every_family_with_its_key() -> None:
    paper = text_of("ARCHITECTURE.md")
    assert [family.name for family in families.registered() if f"`{family.template}`" not in paper] == []
