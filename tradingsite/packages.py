"""Where installed packages keep their files."""

from importlib.util import find_spec
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def is_installed(module: str) -> bool:
    """Whether a module can be imported. Its parents are."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent is absent
        return False


def package_folder(name: str) -> Path:
    """Find a package's folder without importing it. Raises ImproperlyConfigured if it is not installed."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ImproperlyConfigured(
            f"The package {name} is not installed: make install, or pip install -r requirements.txt"
        )
    return Path(spec.origin).parent
