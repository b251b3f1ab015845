"""Fixtures: a fake build folder and the real command line run against it; real web servers; checks
of made-up builds, and a project whose revisions are built.
"""

import contextlib
import functools
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import check_command
import pytest
import servers
from fakes import row, write_bench
from rich.console import Console
from tiny_project import CMAKE, commit, git

import switchyard.cli
from switchyard.gate.revision import Builder

ROOT = Path(__file__).resolve().parents[1]
SWITCHYARD = check_command.SWITCHYARD
BIN = ROOT / "build" / "release" / "bin"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Echo on three runtimes with epoll as control, and a sleep without a control."""
    folder = tmp_path / "build"
    echo = [
        row(f"echo/{name}/connections:64/bytes:64", control=control)
        for name, control in (("epoll", None), ("thread", "epoll"), ("fiber", "epoll"))
    ]
    speed = {"epoll": 100e3, "thread": 50e3, "fiber": 95e3}
    write_bench(folder, echo, {
        entry["name"]: {"fields": {
            "real_time": 10.0, "ops_per_s": speed[entry["runtime"]], "p50_us": 300.0,
            "p99_us": 900.0, "pss_bytes_per_task": 8000.0,
        }} for entry in echo
    })  # fmt: skip
    sleep = [row("sleep/fiber/tasks:1000/ms:100"), row("sleep/thread/tasks:1000/ms:100"),
             row("sleep/fiber/tasks:100000/ms:100", set_="full")]  # fmt: skip
    write_bench(folder, sleep, {
        entry["name"]: {"fields": {"real_time": 101e3, "pss_bytes_per_task": 5e3}}
        for entry in sleep
    })  # fmt: skip
    (folder / "build_info.json").write_text(
        '{"compiler": "GNU 12.2.0", "flags": "-O3", "build_type": "Release", "boost": "1.81.0"}'
    )
    return folder


Cli = Callable[..., subprocess.CompletedProcess]


def _arguments(build: Path, command: str, *arguments: str | Path) -> list[str]:
    """For run, list and doctor with --build of the fixture."""
    is_of_a_build = command in ("run", "list", "doctor") and "--build" not in arguments
    return [command, *(["--build", str(build)] if is_of_a_build else []), *map(str, arguments)]


@pytest.fixture
def cli(build: Path) -> Cli:
    """What `switchyard.sh ARGUMENTS...` does, in this process: it takes seconds to start one and
    load everything anew.
    """

    def run(*arguments: str | Path) -> subprocess.CompletedProcess:
        argv, stdout, stderr = _arguments(build, *arguments), io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            try:
                code = switchyard.cli.main(argv)
            except SystemExit as ended:
                code = ended.code
        return subprocess.CompletedProcess(argv, code, stdout.getvalue(), stderr.getvalue())

    return run


@pytest.fixture
def shell(build: Path) -> Cli:
    """The same in a process of its own, for what signals do to it."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess:
        argv = [str(SWITCHYARD), *_arguments(build, *arguments)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Nginx]:
    with servers.running_nginx(tmp_path_factory.mktemp("nginx")) as running:
        yield running


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """The URL of a running http_origin, without a query."""
    with servers.announced([str(BIN / "http_origin"), "--port", "0"]) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def compare(tmp_path: Path):
    """Checks a baseline against a candidate made as told; more arguments are passed on."""

    return functools.partial(check_command.compare, tmp_path)


@pytest.fixture
def verdicts(tmp_path: Path):
    """Of the check in tmp_path/out, by benchmark."""

    def read():
        document = json.loads((tmp_path / "out/check.json").read_text())
        return {f["benchmark"]["key"]: f["verdict"] for f in document["findings"]}

    return read


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two commits, and a configured build of the second."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("build/\n")
    commit(folder, CMakeLists_txt=CMAKE, source_txt="old")
    commit(folder, source_txt="new")
    subprocess.run(
        ["cmake", "-S", folder, "-B", folder / "build" / "release", "-G", "Ninja",
         "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-march=x"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def baseline(project: Path, said: io.StringIO):
    def built(ref="HEAD~1", targets=("bench_x",), interrupts=None, build_command=None):
        builder = Builder(project, Console(file=said), interrupts, build_command)
        return builder.revision(ref, project / "build" / "release", targets)

    return built
