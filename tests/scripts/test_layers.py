"""No import of the Python package runs up: commands -> gate, agreement, compare, suite -> system.

Imports within functions and for type checkers count as well: what a module names, it knows.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.system.paths import ROOT

PACKAGE = ROOT / "scripts" / "switchyard"
# By room, or module beside the rooms, what it may import; a room's modules may import each other.
MAY_IMPORT = {
    "system": {"system"},
    "suite": {"suite", "system"},
    "compare": {"compare", "suite", "system"},
    "agreement": {"agreement", "compare", "suite", "system"},
    "gate": {"gate", "compare", "suite", "system"},
    "commands": {"gate", "agreement", "compare", "suite", "system"},
    "cli": {"system"},
    "__main__": {"cli", "system"},
    "__init__": set(),
}


def imported_rooms(source: str, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and room of each import of ours; `package`: where the source lies, ("switchyard", ...).

    What the package itself holds, such as its version, is in no room.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            names = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for name in names:
            if name[0] == "switchyard" and name[1:2] and name[1] in MAY_IMPORT:
                yield node.lineno, name[1]


def upward(file: Path) -> list[str]:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    allowed = MAY_IMPORT[parts[1]]
    return [
        f"{file.relative_to(ROOT)}:{line}: {parts[1]} imports {room}"
        for line, room in imported_rooms(file.read_text(), parts[:-1])
        if room not in allowed
    ]


def test_no_import_runs_up():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > len(MAY_IMPORT)
    assert [found for file in files for found in upward(file)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from ..compare import tables",
        "from .. import compare",
        "from switchyard.compare.terminal import print_results",
        "import switchyard.compare.terminal",
        "def late():\n    from ..compare.terminal import print_results",
        "if TYPE_CHECKING:\n    from ..compare.tables import Case",
    ],
)
def test_every_kind_of_import_is_seen(source: str):
    (found,) = imported_rooms(source, ("switchyard", "suite"))
    assert found == (len(source.splitlines()), "compare")


def test_the_version_is_in_no_room():
    assert not list(imported_rooms("from .. import __version__", ("switchyard", "suite")))
