"""setup.sh on machines that are made up: of programs that only say how they were called, and with
a .venv in which packages are there once they were installed.
"""

import os
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TOOLS = (
    "bash",
    "dirname",
    "readlink",
    "sed",
    "sort",
    "awk",
    "tail",
    "id",
    "sha256sum",
    "cut",
    "env",
    "cat",
    "mkdir",
    "rm",
)


def write_program(path: Path, body: str) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def run_setup(tmp_path: Path, *arguments: str, **programs: str) -> subprocess.CompletedProcess:
    """setup.sh on a machine that has only TOOLS and these made-up programs."""
    path = tmp_path / "bin"
    path.mkdir(exist_ok=True)
    for name in TOOLS:
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(shutil.which(name) or name)
    for name, body in programs.items():
        write_program(path / name, body)
    (tmp_path / "scripts").mkdir(exist_ok=True)
    for name in (
        "setup.sh",
        "requirements.txt",
        "requirements-gevent.txt",
        "requirements-uvloop.txt",
        "requirements-tests.txt",
    ):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts")
    argv = ["/bin/bash", str(tmp_path / "scripts" / "setup.sh"), *arguments]
    environment = {**os.environ, "PATH": str(path)}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


class FakeVenv:
    """A machine with all apt packages, and a .venv in which extras are there once installed.

    Its pythons write down how they were called, and have no package where .venv/of-an-older-python
    lies; gevent and uvloop can't be installed when the file
    `offline` is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls.log"
        self.stamp = folder / ".venv" / ".switchyard-requirements"
        write_program(folder / "venv-python", f"""echo "$*" >>{self.calls}
            has={folder}/.venv/gevent-is-there
            case "$*" in
              *"import msgspec"*) [[ ! -e {folder}/.venv/of-an-older-python ]] ;;
              *"import gevent"*) [[ -e $has ]] ;;
              *requirements-gevent.txt) [[ ! -e {folder}/offline ]] && : >$has ;;
              *"import uvloop"*) [[ -e $has-uvloop ]] ;;
              *requirements-uvloop.txt) [[ ! -e {folder}/offline ]] && : >$has-uvloop ;;
              *"import selenium"*) [[ -e $has-tests ]] ;;
              *requirements-tests.txt) : >$has-tests ;;
            esac""")  # fmt: skip
        self.programs = {
            "dpkg-query": "[[ $* == *fiber\\** ]] && echo installed libboost-fiber1.81-dev || "
            "printf installed",
            "python3": f"""[[ $* == *venv\\ --clear* ]] || exit 0
                PATH={os.environ["PATH"]} && rm -rf {folder}/.venv && mkdir -p {folder}/.venv/bin &&
                cp {folder}/venv-python {folder}/.venv/bin/python""",
        }

    def setup(self, *arguments: str) -> subprocess.CompletedProcess:
        return run_setup(self.folder, *arguments, **self.programs)

    def installs_of_gevent(self) -> int:
        return self.installs("gevent")

    def installs(self, extra: str) -> int:
        return self.calls.read_text().count(f"requirements-{extra}.txt")
