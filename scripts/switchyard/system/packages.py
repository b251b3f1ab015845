"""Packages of Python that are missing, and how to get them: who started us decides that.

Each is named with the extra of pyproject.toml that has it. They are looked for and never loaded,
which for some takes longer than all the rest: an interpreter without pictures tells so at once.
"""

from importlib.util import find_spec

from .errors import BadInputError
from .paths import IS_INSTALLED

EXTRAS = {"pictures": ("matplotlib", "jinja2", "markupsafe"), "hlog": ("hdrhistogram",)}
# Where what is imported has another name.
MODULES = {"hdrhistogram": "hdrh"}


def need(extra: str) -> None:
    """Raises BadInputError if a package of that extra is missing."""
    missing = [name for name in EXTRAS[extra] if find_spec(_module(name)) is None]
    if missing:
        raise BadInputError(f"{', '.join(missing)} missing: {_advice(missing[0])}")


def told(error: ImportError) -> str:
    """One line for a package that could not be loaded."""
    return f"{error}: {_advice((error.name or '').partition('.')[0])}"


def _module(package: str) -> str:
    return MODULES.get(package, package)


def _advice(name: str) -> str:
    """For a package, or its module."""
    extras = {part: f"[{extra}]" for extra, names in EXTRAS.items() for part in names}
    extras |= {_module(package): extra for package, extra in extras.items()}
    extra = extras.get(name, "")
    return f"install switchyard{extra}" if IS_INSTALLED else "run scripts/setup.sh"
