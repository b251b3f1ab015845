"""Environment, commands and figures of a report."""

import argparse
import re
import shlex

import made_up
import pages
import pytest

from switchyard.commands import run
from switchyard.compare.report.pictures import pictures_of
from switchyard.compare.report.reproduction import recipe_of
from switchyard.compare.report.surroundings import groups_of
from switchyard.suite import catalog

RUN = {
    "seed": 7, "rounds_wanted": 6, "rounds_done": 4, "min_time_s": 0.05,
    "options": {"build": "build/release", "full": True, "filter": "^echo/|^cpu/", "runtimes": None},
}  # fmt: skip


def recipe(tmp_path, *workloads: str, **environment):
    folder = pages.few(tmp_path, *workloads, **environment)
    return recipe_of(folder, list(folder.workloads.values()))


def options(line: str) -> argparse.Namespace:
    """As the command line of `run` takes it."""
    script, command, *rest = shlex.split(line)
    assert (script, command) == ("scripts/switchyard.sh", "run")
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    return parser.parse_args(rest)


def chosen_by(line: str) -> set[str]:
    """The rows that a command measures, of all that there are."""
    asked = options(line)
    size = "full" if asked.full else "smoke" if asked.smoke else "quick"
    made = [made_up.results(name, 1).workload for name in made_up.WORKLOADS]
    chosen = catalog.select(made, size=size, pattern=asked.filter, runtimes=asked.runtimes)
    return {row.name for workload in chosen for row in workload.rows}


@pytest.mark.parametrize(
    ("size", "runtimes", "filter_"),
    [("quick", None, None), ("full", None, None), ("smoke", None, None),
     ("quick", "fiber,thread", None), ("full", "thread", None), ("full", None, "tasks:1$|urls:"),
     ("full", None, "(?i)^SPAWN/.*TASKS:10|cpu"), ("quick", "fiber", "^(spawn|switch)/")],
)  # fmt: skip
def test_the_command_of_a_workload_measures_what_the_run_did(
    size: str, runtimes: str | None, filter_: str | None, tmp_path
):
    asked = {"full": size == "full", "smoke": size == "smoke", "build": "build/release"}
    run = RUN | {"options": asked | {"runtimes": runtimes, "filter": filter_}}
    made = [made_up.results(name, 1).workload for name in made_up.WORKLOADS]
    chosen = catalog.select(made, size=size, pattern=filter_, runtimes=runtimes)
    folder = pages.few(tmp_path, run=run)
    for workload in chosen:
        names = {row.name for row in workload.rows}
        kept = made_up.results(workload.name, 1, lambda row, names=names: row["name"] in names)
        folder.workloads[workload.name] = kept
    found = recipe_of(folder, list(folder.workloads.values())).workloads
    for workload in chosen:
        assert chosen_by(found[workload.name][0]) == {row.name for row in workload.rows}


@pytest.mark.parametrize("workload", made_up.WORKLOADS)
def test_the_command_of_a_row_measures_it_and_nothing_else(workload: str, tmp_path):
    made = made_up.results(workload, 1).workload
    _, commands = recipe(tmp_path, workload, run=RUN).workloads[workload]
    assert [row.name for row, _ in commands] == [row.name for row in made.rows]
    for wanted, line in commands:
        asked = options(line)
        chosen = catalog.select([made], size="full", pattern=asked.filter)
        assert [row.name for workload in chosen for row in workload.rows] == [wanted.name]
        assert (asked.rounds, asked.seed, asked.min_time, asked.full) == (4, 7, 0.05, True)


def test_workload_and_run_have_commands_of_their_own(tmp_path):
    found = recipe(tmp_path, "echo", "cpu", run=RUN)
    assert chosen_by(found.workloads["echo"][0]) == {row["name"] for row, _ in made_up.rows("echo")}
    again = options(found.whole)
    assert (again.full, again.filter, again.runtimes) == (True, "^echo/|^cpu/", None)
    assert (again.rounds, again.seed, again.min_time) == (4, 7, 0.05)
    assert found.code[0] == "git checkout 0123456789abcdef"


def test_a_smoke_run_is_repeated_as_one(tmp_path):
    run = RUN | {"options": RUN["options"] | {"full": False, "smoke": True}}
    assert options(recipe(tmp_path, "echo", run=run).whole).smoke


def test_names_with_signs_of_shell_and_regex_are_quoted(tmp_path):
    kept = made_up.results("cpu", 1)
    name = "cpu/a'b$(x) `c`.*/tasks:1"
    entry = kept.workload.document()["rows"][0] | {"name": name}
    kept.workload = catalog.Workload.parse(kept.workload.document() | {"rows": [entry]})
    kept.benchmarks = [kept.benchmarks[0] | {"name": name, "switchyard_name": name}]
    folder = pages.few(tmp_path)
    folder.workloads = {"cpu": kept}
    _, ((_, line),) = recipe_of(folder, [kept]).workloads["cpu"]
    assert re.search(options(line).filter, name)
    assert not re.search(options(line).filter, name.replace(".*", "xx"))


def test_commands_can_be_had_without_an_environment(tmp_path):
    folder = pages.few(tmp_path, "cpu", rounds=3)
    folder.environment = {}
    found = recipe_of(folder, list(folder.workloads.values()))
    assert options(found.whole).rounds == 3
    assert options(found.whole).seed is None


def test_the_environment_is_told_in_groups_with_units():
    groups = groups_of({
        "switchyard": "0.1.0", "git": {"sha": "abc", "dirty": True}, "build": None, "programs": {},
        "limits": {"RLIMIT_STACK": [8388608, None], "RLIMIT_NOFILE": [9, 9],
                   "cgroup.pids.max": None, "net.ipv4.ip_local_port_range": [32768, 60999],
                   "vm.max_map_count": 65530},
        "machine": {"memory_bytes": 2**30, "governors": [], "turbo": None, "usable_cpus": [0, 1],
                    "mitigations": {"spectre_v2": "Retpolines"}},
        "run": {"min_time_s": 0.05, "options": {"x": 1}, "left_out": {}, "complete": True},
        "weather": {"sky": "blue"},
    })  # fmt: skip
    facts = {title: dict(pairs) for title, pairs in groups}
    assert list(facts) == [
        "Code", "Machine", "Mitigations", "Limits", "Run", "switchyard", "weather"
    ]  # fmt: skip
    assert facts["Code"] == {"commit": "abc", "changes in no commit": "yes"}
    assert facts["Mitigations"] == {"spectre v2": "Retpolines"}
    assert facts["Limits"] == {
        "RLIMIT_STACK": "8388608 (hard: unlimited)", "RLIMIT_NOFILE": "9",
        "cgroup.pids.max": "none found", "net.ipv4.ip_local_port_range": "32768-60999",
        "vm.max_map_count": "65530",
    }  # fmt: skip
    assert facts["Machine"] == {
        "memory": "1.00 GiB", "governors": "none", "turbo": "not told", "usable cpus": "0, 1",
    }  # fmt: skip
    assert facts["Run"] == {"min time": "0.05 s", "complete": "yes"}
    assert facts["weather"] == {"sky": "blue"}


def test_figures_say_what_they_compare(tmp_path):
    found = {picture.name: picture for picture in pictures_of(pages.few(tmp_path, "switch", "cpu"))}
    assert {"switch_cost", "switch_rings", "cpu_speedup"} <= found.keys()
    assert "echo_latency" not in found
    pairs, rings = (
        pages.read(found[name].svg).one("svg").attributes["aria-label"]
        for name in ("switch_cost", "switch_rings")
    )
    assert pairs.startswith("The cost of one context switch, by mechanism. Panels: two tasks.")
    for name in ("thread futex", "fiber yield", "gevent switch (Python)"):
        assert name in pairs
    assert "Panels: processes and threads, by ring size, all on the same core; fibers" in rings
    assert "Upwards: speed-up, ratio by round." in found["cpu_speedup"].svg


def test_a_point_has_its_value_and_no_style_of_its_own(tmp_path):
    (picture,) = pictures_of(pages.few(tmp_path, "cpu"))
    svg = pages.read(picture.svg).one("svg")
    values = [title.text for title in svg.all("title")]
    assert any(re.fullmatch(r"thread: 1\.\d+x \(1\.\d+-2\.\d+\)", text) for text in values)
    assert "style" not in picture.svg
    assert "http" not in picture.svg.replace("http://www.w3.org", "")
