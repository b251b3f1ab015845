"""The files that a load writes: until it has something to write they are as they were."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BIN
from programs import run

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

SHORT = ["--connections", "2", "--duration", "50ms", "--warmup", "0s"]


def both(folder: Path) -> list[str]:
    return ["--json", str(folder / "figures.json"), "--histogram", str(folder / "histogram.json")]


@pytest.fixture
def port():
    argv = [BIN / "echo_server", "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip().rsplit(":", 1)[1]
        server.terminate()


def test_a_load_that_fails_leaves_older_results_alone(tmp_path: Path):
    files = [tmp_path / "figures.json", tmp_path / "histogram.json"]
    for file in files:
        file.write_text("of an older run")
    done = run("echo_load", "--port", "1", *SHORT, *both(tmp_path))
    assert done.returncode == 1
    assert [file.read_text() for file in files] == ["of an older run"] * 2


@pytest.mark.parametrize("arguments", [[], ["--histogram", "/no/such/folder/file"]])
def test_a_load_that_fails_leaves_no_empty_files(tmp_path: Path, arguments: list[str]):
    done = run("echo_load", "--port", "1", *SHORT, *(arguments or both(tmp_path)[2:]),
               *both(tmp_path)[:2])  # fmt: skip
    assert done.returncode != 0
    assert not list(tmp_path.iterdir())


def test_a_load_takes_the_place_of_a_longer_result(tmp_path: Path, port: str):
    files = [tmp_path / "figures.json", tmp_path / "histogram.json"]
    for file in files:
        file.write_text("x" * 100_000)
    done = run("echo_load", "--port", port, *SHORT, *both(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(files[0].read_text()) == json.loads(files[1].read_text())["figures"]


def test_figures_go_into_a_pipe_as_well(port: str):
    argv = ["bash", "-c", 'exec "$0" "$@" --json >(cat >&2)', BIN / "echo_load", "--port", port]
    done = subprocess.run([*argv, *SHORT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert json.loads(done.stderr)["errors"] == 0


def test_a_histogram_tells_that_it_is_of_a_shorter_run(tmp_path: Path, port: str):
    argv = [BIN / "echo_load", "--port", port, "--connections", "2", "--warmup", "0s",
            "--duration", "60s", *both(tmp_path)]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as load:
        time.sleep(0.5)
        load.send_signal(signal.SIGTERM)
    assert load.returncode == 128 + signal.SIGTERM
    figures = json.loads((tmp_path / "histogram.json").read_text())["figures"]
    assert figures["interrupted"] is True
    assert figures == json.loads((tmp_path / "figures.json").read_text())
