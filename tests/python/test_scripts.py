"""The shell scripts where something is missing: one line that says what to do."""

import os
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TOOLS = ("bash", "dirname", "sed", "sort", "awk", "tail", "id", "sha256sum", "cut", "env", "cat")


def test_switchyard_without_a_venv_names_setup(tmp_path: Path):
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(SCRIPTS / "switchyard.sh", tmp_path / "scripts")
    done = subprocess.run([script, "list"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "scripts/setup.sh" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def run_setup(tmp_path: Path, **programs: str) -> subprocess.CompletedProcess:
    """setup.sh on a machine that has only TOOLS and these made-up programs."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in TOOLS:
        (path / name).symlink_to(shutil.which(name) or name)
    for name, body in programs.items():
        (path / name).unlink(missing_ok=True)
        (path / name).write_text(f"#!/bin/bash\n{body}\n")
        (path / name).chmod(0o755)
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(SCRIPTS / "setup.sh", tmp_path / "scripts")
    shutil.copy(SCRIPTS / "requirements.txt", tmp_path / "scripts")
    environment = {**os.environ, "PATH": str(path)}
    return subprocess.run(
        ["/bin/bash", script], env=environment, capture_output=True, text=True, check=False
    )


def test_setup_without_apt_names_what_is_missing(tmp_path: Path):
    done = run_setup(tmp_path, **{"dpkg-query": "exit 1"})
    assert done.returncode == 1
    assert "apt-get is not there" in done.stderr
    assert "libbenchmark-dev" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_setup_without_root_or_sudo_says_so(tmp_path: Path):
    done = run_setup(tmp_path, **{"dpkg-query": "exit 1", "apt-get": "exit 1", "id": "echo 1000"})
    assert done.returncode == 1
    assert "needs root or sudo" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_setup_on_another_distribution_says_so(tmp_path: Path):
    done = run_setup(tmp_path)
    assert done.returncode == 1
    assert "no Debian or Ubuntu" in done.stderr


def test_setup_takes_a_newer_boost_that_is_there(tmp_path: Path):
    """With 1.74 and 1.83 packaged, it asks for 1.83 and never removes anything."""
    log = tmp_path / "apt.log"
    done = run_setup(
        tmp_path,
        **{
            "dpkg-query": "exit 1",
            "id": "echo 0",
            "apt-get": f'echo "$@" >>{log}; [[ $1 == update ]]',
            "apt-cache": "echo 'libboost-fiber1.74-dev - x'; echo 'libboost-fiber1.83-dev - x'",
        },
    )
    assert done.returncode == 1
    asked = log.read_text().splitlines()[-1].split()
    wanted = "1.81" if 'VERSION_ID="12"' in Path("/etc/os-release").read_text() else "1.83"
    assert f"libboost-fiber{wanted}-dev" in asked
    assert "--no-remove" in asked
    assert "boost" not in asked
