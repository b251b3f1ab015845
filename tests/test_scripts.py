"""The shell scripts where something is missing: one line that says what to do."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_setup import SCRIPTS, run_setup, write_program


def test_switchyard_without_a_venv_names_setup(tmp_path: Path):
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(SCRIPTS / "switchyard.sh", tmp_path / "scripts")
    done = subprocess.run([script, "list"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "scripts/setup.sh" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_switchyard_with_a_python_that_cannot_be_run_says_so(tmp_path: Path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    script = shutil.copy(SCRIPTS / "switchyard.sh", tmp_path / "scripts")
    done = subprocess.run([script, "list"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "can't run it (/nowhere/python3)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["switchyard.sh", "setup.sh", "run.sh", "test.sh"])
def test_scripts_work_through_a_symlink_and_with_cdpath(name: str, tmp_path: Path):
    """Each on a copy of scripts/ whose setup.sh and Python only say that they were reached."""
    copy, python = tmp_path / "copy" / "scripts", tmp_path / "copy" / ".venv" / "bin" / "python"
    copy.mkdir(parents=True)
    python.parent.mkdir(parents=True)
    for file in ("switchyard.sh", "run.sh", "test.sh", "setup.sh"):
        shutil.copy(SCRIPTS / file, copy)
    python.write_text("#!/bin/sh\necho reached >&2; exit 3\n")
    python.chmod(0o755)
    if name == "setup.sh":  # it says where it looked by what it misses there
        (copy / "requirements.txt").write_text("")
        stamp = hashlib.sha256(b"").hexdigest()
        (tmp_path / "copy" / ".venv" / ".switchyard-requirements").write_text(stamp)
        python.write_text("#!/bin/sh\necho reached >>$0.log\n")
    elif name in ("run.sh", "test.sh"):
        (copy / "setup.sh").write_text("#!/bin/sh\necho reached >&2; exit 3\n")
    (tmp_path / "elsewhere" / "scripts").mkdir(parents=True)
    link = tmp_path / "elsewhere" / name
    link.symlink_to(copy / name)
    done = subprocess.run(
        [f"./{name}"], cwd=link.parent, env={**os.environ, "CDPATH": f"{copy.parent}:."},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    log = Path(f"{python}.log")
    assert "reached" in done.stdout + done.stderr + (log.read_text() if log.exists() else "")


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
    assert f"libboost-url{wanted}-dev" in asked


def test_setup_refuses_what_it_does_not_know(tmp_path: Path):
    done = run_setup(tmp_path, "--geventt")
    assert done.returncode == 2
    assert "'--geventt'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_setup_tells_what_it_can_do(tmp_path: Path):
    done = run_setup(tmp_path, "--help")
    assert done.returncode == 0
    assert "--gevent" in done.stdout


@pytest.mark.parametrize(
    ("argument", "package"),
    [("--tests", "nginx"), ("--tests", "time"), ("--clang", "libclang-rt-dev")],
)
def test_setup_adds_what_only_tests_need_when_asked(tmp_path: Path, argument: str, package: str):
    for arguments in ((), (argument,)):
        done = run_setup(tmp_path, *arguments, **{"dpkg-query": "exit 1"})
        assert (package in done.stderr.split()) == (argument in arguments)


@pytest.fixture
def run_sh(tmp_path: Path):
    """run.sh among a setup.sh, a switchyard.sh and a cmake that only say that they were called."""
    log = tmp_path / "log"
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(SCRIPTS / "run.sh", tmp_path / "scripts")
    write_program(tmp_path / "scripts" / "setup.sh", f'echo "setup $*" >>{log}')
    write_program(tmp_path / "scripts" / "switchyard.sh", f"""echo "switchyard $*" >>{log}
        if [[ $* == *--wrong* ]]; then echo "error: --wrong" >&2; exit 2; fi
        if [[ $* == *--help* ]]; then echo "usage: switchyard"; fi""")  # fmt: skip
    write_program(tmp_path / "bin" / "cmake", f'echo "cmake $1" >>{log}')
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def run(*arguments: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        done = subprocess.run([script, *arguments], env=environment, capture_output=True, text=True,
                              check=False, timeout=60)  # fmt: skip
        return done, log.read_text().splitlines()

    return run


@pytest.mark.parametrize("arguments", [(), ("--full", "--rounds", "1")])
def test_only_a_full_run_takes_outside_servers(run_sh, arguments):
    done, called = run_sh(*arguments)
    assert done.returncode == 0, done.stderr
    assert called[0] == ("setup --outside" if "--full" in arguments else "setup ")
    assert called[1] == " ".join(("switchyard run --check-only", *arguments))
    assert called[-1] == " ".join(("switchyard run --plot --report", *arguments))
    assert called[-3:-1] == ["cmake --preset", "cmake --build"]


@pytest.mark.parametrize(
    ("argument", "code", "words"), [("--wrong", 2, "error: --wrong"), ("--help", 0, "usage:")]
)
def test_nothing_is_built_for_arguments_that_measure_nothing(run_sh, argument, code, words):
    done, called = run_sh("--full", argument)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert called == ["setup --outside", f"switchyard run --check-only --full {argument}"]


def test_nothing_is_measured_that_was_not_built(tmp_path: Path, run_sh):
    """Also where no word of the build can be written, as in a folder of another user."""
    (tmp_path / "build" / "run.log").mkdir(parents=True)
    done, called = run_sh()
    assert done.returncode == 1
    assert "can't write" in done.stderr.splitlines()[-1]
    (tmp_path / "build" / "run.log").rmdir()
    write_program(tmp_path / "bin" / "cmake", "echo no compiler; exit 1")
    done, more = run_sh()
    assert done.returncode == 1
    assert "no compiler" in done.stderr
    assert "the build failed" in done.stderr
    assert not any("--plot" in line for line in (*called, *more))
