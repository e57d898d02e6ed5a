"""The tests themselves: they use the product as others do, stand alone, and can fail."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from testservers.project import ROOT, files

FOLDERS = ("tests", "testservers", "benchmarks")
PUBLIC = {"_asdict", "_base_manager", "_default_manager", "_exit", "_fields", "_meta", "_replace"}  # by their documents
WAYS_TO_WRITE = {"_raw_delete"}  # undocumented, but some apps delete by it, so the cache has to see it
PATCHES = {"delattr", "getattr", "hasattr", "patch", "setattr"}  # they take a name as text
# What fails by itself, of the libraries: pytest's, pytest-django's, playwright's, hypothesis', and commands that check.
FAILS_BY_ITSELF = {"django_assert_num_queries", "expect", "fail", "raises", "run_state_machine_as_test", "wait_for_url"}


@cache
def modules() -> dict[Path, ast.Module]:
    return {file: ast.parse((ROOT / file).read_text()) for file in files() if is_python_of(file, FOLDERS)}


def is_python_of(file: Path, folders: tuple[str, ...]) -> bool:
    return file.suffix == ".py" and file.parts[0] in folders


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC | WAYS_TO_WRITE | {"_"}


def private_names(node: ast.AST) -> Iterator[str]:
    """Private names of other modules and objects that are used here. What a class calls on itself is its own."""
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "cls")):
            return
        case ast.Attribute(attr=name) if is_private(name):
            yield name
        case ast.ImportFrom(module=module, names=aliases):
            yield from filter(is_private, [*(module or "").split("."), *(alias.name for alias in aliases)])
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=[*args]) if function in PATCHES:
            texts = [arg.value for arg in args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield from (name for text in texts for name in text.split(".") if is_private(name))


def found_by(search: Callable[[ast.AST], Iterator[str]], tree: ast.AST) -> list[str]:
    return [name for node in ast.walk(tree) for name in search(node)]


def test_no_test_uses_a_private_name() -> None:
    found = {str(file): names for file, tree in modules().items() if (names := found_by(private_names, tree))}
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "fetch._load()",
        "from systemcache.local.near_cache import _copies",
        "from systemcache._local import copies",
        "monkeypatch.setattr(fetch, '_load', None)",
        "monkeypatch.setattr('systemcache.fetching.fetch._load', None)",
        "getattr(fetch, '_load')()",
    ],
)
def test_a_private_name_would_be_found(line: str) -> None:
    assert found_by(private_names, ast.parse(line)) != []


@pytest.mark.parametrize("line", ["Model._meta.label", "self._load()", "fetch.__name__", "for _ in rows: pass"])
def test_a_public_name_is_left_alone(line: str) -> None:
    assert found_by(private_names, ast.parse(line)) == []


def test_no_test_module_imports_another() -> None:
    found = [
        f"{file}: {node.module}"
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in (*(node.module or "").split("."), *(alias.name for alias in node.names))
        if name.startswith("test_") and file.parts[0] == "tests"
    ]
    assert found == []


def functions() -> list[tuple[Path, ast.FunctionDef]]:
    return [
        (file, node)
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and file.parts[0] == "tests"
    ]


def can_fail(function: ast.FunctionDef, helpers: set[str]) -> bool:
    """Whether it asserts, or uses a helper that does."""
    for node in ast.walk(function):
        match node:
            case ast.Assert():
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in helpers:
                return True
    return False


def test_every_test_asserts_something() -> None:
    helpers = set(FAILS_BY_ITSELF)
    others = [function for _, function in functions() if not function.name.startswith("test_")]
    while found := {each.name for each in others if each.name not in helpers and can_fail(each, helpers)}:
        helpers |= found
    silent = [
        f"{file}: {each.name}"
        for file, each in functions()
        if each.name.startswith("test_") and not can_fail(each, helpers)
    ]
    assert silent == []
