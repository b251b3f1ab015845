"""What setup.sh adds when it is asked to, once, and keeps: instruments of the tests, and what the
rows in outside/ need. What can't be had is a failure only for whoever asked for it.
"""

import shutil
from pathlib import Path

import pytest
from fake_setup import FakeVenv, write_program


@pytest.fixture
def venv(tmp_path: Path) -> FakeVenv:
    machine = FakeVenv(tmp_path)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.installs_of_gevent() == 0  # only when asked for
    return machine


@pytest.mark.parametrize("is_packaged", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_setup_for_tests_takes_perf_where_it_is_packaged(
    venv: FakeVenv, is_packaged: bool, is_there: bool
):
    log = venv.folder / "apt.log"
    venv.programs |= {
        "id": "echo 0",
        "apt-cache": f"[[ $* == 'show linux-perf' ]] && exit {int(not is_packaged)}",
        "apt-get": f'echo "$@" >>{log}; exit 1',
    } | ({"perf": "exit 0"} if is_there else {})
    assert venv.setup().returncode == 0
    assert not log.exists()
    done = venv.setup("--tests")
    assert done.returncode == 0, "what can be done without is no failure"
    asked = log.read_text().split() if log.exists() else []
    assert ("linux-perf" in asked) == (is_packaged and not is_there)
    assert ("going on without" in done.stdout) == (is_packaged and not is_there)


def test_setup_adds_gevent_once(venv: FakeVenv):
    assert venv.setup("--gevent").returncode == 0
    assert venv.installs_of_gevent() == 1
    for arguments in (("--gevent",), ()):
        done = venv.setup(*arguments)
        assert done.returncode == 0
        assert done.stdout == "setup: everything is there, nothing to do\n"
    assert venv.installs_of_gevent() == 1


def test_setup_adds_what_the_browser_is_driven_with_once_and_only_for_tests(venv: FakeVenv):
    assert venv.installs("tests") == 0
    for _ in range(2):
        assert venv.setup("--tests").returncode == 0
        assert venv.installs("tests") == 1
    assert venv.installs_of_gevent() == 0


def test_setup_keeps_gevent_when_it_makes_the_venv_anew(venv: FakeVenv):
    venv.setup("--gevent")
    venv.stamp.write_text("of older requirements")
    assert venv.setup().returncode == 0
    assert venv.installs_of_gevent() == 2


def test_setup_makes_the_venv_anew_for_a_newer_python(venv: FakeVenv):
    """As after an upgrade of the system: its python starts, and lacks all packages."""
    other = venv.folder / ".venv" / "of-an-older-python"
    other.touch()
    done = venv.setup()
    assert (done.returncode, other.exists()) == (0, False), done.stderr
    assert "scripts/requirements.txt into .venv" in done.stdout
    assert venv.setup().stdout == "setup: everything is there, nothing to do\n"


def test_setup_says_that_gevent_could_not_be_installed(venv: FakeVenv):
    (venv.folder / "offline").touch()
    done = venv.setup("--gevent")
    assert done.returncode == 1
    assert "requirements-gevent.txt" in done.stderr
    assert venv.setup().returncode == 0, "what was not asked for is no failure"


def test_setup_without_gevent_goes_on_when_it_can_not_be_put_back(venv: FakeVenv):
    venv.setup("--gevent")
    venv.stamp.write_text("of older requirements")
    (venv.folder / "offline").touch()
    done = venv.setup()
    assert done.returncode == 0
    assert "scripts/setup.sh --gevent adds it" in done.stdout


def test_setup_adds_uvloop_once(venv: FakeVenv):
    for _ in range(2):
        assert venv.setup("--uvloop").returncode == 0
        assert venv.installs("uvloop") == 1
    assert venv.installs_of_gevent() == 0


def test_setup_adds_open_mpi_when_it_is_asked_to(venv: FakeVenv):
    log = venv.folder / "apt.log"
    venv.programs |= {
        "id": "echo 0",
        "apt-get": f'echo "$@" >>{log}',
        "dpkg-query": f"[[ $* == *openmpi* ]] || {{ {venv.programs['dpkg-query']}; }}",
    }
    assert venv.setup().returncode == 0
    assert not log.exists()
    done = venv.setup("--mpi")
    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines()[-1].endswith(" openmpi-bin libopenmpi-dev")


@pytest.fixture
def go(venv: FakeVenv) -> Path:
    """What its sources are; a compiler that writes down each call."""
    sources = venv.folder / "outside" / "go"
    sources.mkdir(parents=True)
    (sources / "echo_server.go").write_text("package main\n")
    venv.programs["go"] = f'echo "$PWD $*" >>{venv.folder}/go.log; : >"$3"'
    return sources


def test_setup_builds_the_server_in_go_once_and_when_its_source_changes(venv: FakeVenv, go: Path):
    log, server = venv.folder / "go.log", venv.folder / "build/outside/go/echo_server"
    assert venv.setup().returncode == 0
    assert not log.exists(), "only when asked for"
    for _ in range(2):
        assert venv.setup("--go").returncode == 0
        assert log.read_text() == f"{go} build -o {server} .\n"
    (go / "echo_server.go").write_text("package main // newer\n")
    assert venv.setup("--go").returncode == 0
    assert len(log.read_text().splitlines()) == 2


def test_setup_says_that_go_could_not_build(venv: FakeVenv, go: Path):
    venv.programs["go"] = "exit 1"
    done = venv.setup("--go")
    assert done.returncode == 1
    assert done.stderr == "setup: error: go could not build outside/go\n"


def test_setup_asks_for_a_compiler_where_there_is_none(venv: FakeVenv, go: Path):
    log, there, mv = venv.folder / "apt.log", venv.folder / "bin" / "go", shutil.which("mv")
    venv.programs |= {
        "id": "echo 0",
        "apt-get": f'echo "$@" >>{log}; [[ $* != *golang* ]] || {mv} {there}-later {there}',
        "dpkg-query": f"[[ $* == *golang* ]] || {{ {venv.programs['dpkg-query']}; }}",
    }
    write_program(Path(f"{there}-later"), venv.programs.pop("go"))
    assert venv.setup().returncode == 0
    assert not log.exists()
    assert venv.setup("--go").returncode == 0
    assert log.read_text().splitlines()[-1].endswith(" golang-go")
    assert (venv.folder / "go.log").exists()


def test_setup_adds_all_of_outside_at_once(venv: FakeVenv, go: Path):
    assert venv.setup("--outside").returncode == 0
    assert (venv.installs_of_gevent(), venv.installs("uvloop")) == (1, 1)
    assert (venv.folder / "build/outside/go/echo_server").exists()


def test_setup_goes_on_without_what_it_can_not_have_of_outside(venv: FakeVenv, go: Path):
    venv.programs["go"] = "exit 1"
    (venv.folder / "offline").touch()
    done = venv.setup("--outside")
    assert done.returncode == 0
    for name in ("gevent", "uvloop", "go"):
        assert done.stdout.count(f"; going on without the rows of {name}\n") == 1
    assert venv.setup("--outside", "--gevent").returncode == 1, "this one was asked for by name"


@pytest.mark.parametrize("is_packaged", [True, False])
def test_setup_for_all_of_outside_takes_go_where_it_is_packaged(
    venv: FakeVenv, go: Path, is_packaged: bool
):
    log = venv.folder / "apt.log"
    del venv.programs["go"]
    venv.programs |= {
        "id": "echo 0",
        "apt-cache": f"[[ $* == 'show golang-go' ]] && exit {int(not is_packaged)}",
        "apt-get": f'echo "$@" >>{log}; exit 1',
    }
    done = venv.setup("--outside")
    assert done.returncode == 0
    assert ("golang-go" in (log.read_text().split() if log.exists() else [])) == is_packaged
    assert "going on without the rows of go\n" in done.stdout
    assert done.stderr == ""
