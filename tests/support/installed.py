"""The package as an installation leaves it, without an index to install from: a copy in a folder of
its own, the command beside an interpreter, and nothing of a checkout around them.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from switchyard.system.paths import ROOT

_COMMAND = """#!{python} -I
import sys
sys.path.insert(0, {site!r})
for name in {missing!r}:
    sys.modules[name] = None
from switchyard.__main__ import main
sys.exit(main())
"""


def install(venv: Path, missing: Sequence[str] = ()) -> Path:
    """The command `switchyard`; `missing` packages can't be loaded."""
    site, command = venv / "lib" / "site-packages", venv / "bin" / "switchyard"
    shutil.copytree(
        ROOT / "scripts" / "switchyard", site / "switchyard",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    command.parent.mkdir(exist_ok=True)
    told = {"python": sys.executable, "site": str(site), "missing": tuple(missing)}
    command.write_text(_COMMAND.format(**told))
    command.chmod(0o755)
    return command


def files_of(venv: Path) -> set[Path]:
    """All but what Python itself compiles."""
    return {path for path in venv.rglob("*") if "__pycache__" not in path.parts}
