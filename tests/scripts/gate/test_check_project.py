"""switchyard.toml: defaults that a command line overrules, thresholds, accepted regressions."""

import json
import math
from datetime import date
from pathlib import Path

import pytest
from check_command import run
from tiny_project import BINARIES, BUILD, git, timed

from switchyard.cli import build_parser
from switchyard.gate import options
from switchyard.gate.model import Benchmark, Evidence, Finding, Metric, Verdict
from switchyard.gate.options import Check
from switchyard.gate.project import Accepted, why_accepted
from switchyard.system.errors import BadInputError
from switchyard.system.machine import Machine

FOREIGN = 'binaries = "b/*"\nbuild-command = "make"\n'
BASELINE = ("--baseline", "main")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "repository"
    (folder / "below").mkdir(parents=True)
    git(folder, "init", "-q")
    monkeypatch.chdir(folder / "below")
    return folder


@pytest.fixture
def read(repository: Path):
    """What a command line asks for, where the file says that."""

    def asked(text: str, *arguments: str, command: str = "check") -> Check:
        (repository / "switchyard.toml").write_text(text)
        args = build_parser().parse_args([command, *arguments])
        return options.read(args, Machine())

    return asked


def test_the_file_holds_defaults_for_any_option(read, repository):
    text = f'[check]\n{FOREIGN}baseline = "v1"\nthreshold = 5\nbudget = "2m"\nstrict = true\n'
    asked = read(text + 'cpu = "none"\nfilter = "^BM_"\nout = "results"\nseed = 7\n')
    assert (asked.ref, asked.binaries, asked.build_command) == ("v1", "b/*", "make")
    assert (asked.plan.threshold, asked.plan.budget_s, asked.plan.seed) == (0.05, 120.0, 7)
    assert (asked.strict, asked.pattern, asked.plan.cpu) == (True, "^BM_", None)
    assert (asked.repository, asked.out) == (repository, repository / "results")


def test_the_command_line_wins(read):
    text = f'[check]\n{FOREIGN}baseline = "v1"\nthreshold = 5\nstrict = true\n'
    asked = read(text, *BASELINE, "--threshold", "3", "--no-strict", "--binaries", "c/*")
    assert (asked.ref, asked.plan.threshold, asked.strict) == ("main", 0.03, False)
    assert (asked.binaries, asked.build_command) == ("c/*", "make")


def test_without_a_file_our_own_defaults_hold(repository):
    args = build_parser().parse_args(
        ["check", *BASELINE, "--binaries", "b", "--build-command", "m"]
    )
    asked = options.read(args, Machine())
    assert (asked.plan.threshold, asked.plan.alpha, asked.plan.budget_s) == (0.03, 0.01, 600.0)
    assert (asked.accepted, asked.plan.thresholds, asked.deadline_s) == ((), (), None)
    assert not any((asked.strict, asked.instructions, asked.skip_identical, asked.bisect_run))


@pytest.mark.parametrize(
    ("of_file", "arguments"),
    [
        ('baseline-build = "x"', BASELINE),
        ("skip-identical = true", ("--baseline-results", "x")),
        ("instructions = true", ("--baseline-results", "x")),
        ('baseline-results = "x"\nallow-other-machine = true', BASELINE),
        ("", ("--baseline-build", "x", "--candidate-build", "y")),  # with its build-command
    ],
)
def test_what_does_not_go_with_the_command_line_gives_way(read, of_file, arguments):
    read(f"[check]\n{FOREIGN}{of_file}\n", *arguments)


def test_the_file_of_another_project_says_nothing_of_our_own_benchmarks(read):
    assert read("[check]\nthreshold = 7\n", *BASELINE).plan.threshold == 0.03


def test_bisect_takes_what_is_of_use_to_it(read, repository):
    (repository / "switchyard.toml").write_text(
        f'[check]\n{FOREIGN}threshold = 5\nfilter = "x"\nbaseline = "v2"\n'
    )
    args = build_parser().parse_args(["bisect", "BM_x", "--good", "v1"])
    asked = options.read(args, Machine())
    assert (asked.ref, asked.plan.threshold, asked.pattern) == ("v1", 0.05, None)


def test_thresholds_and_accepted_regressions_are_read(read):
    asked = read(
        f"[check]\n{FOREIGN}"
        '[[threshold]]\nname = "/big$"\npercent = 10\n'
        '[[accept]]\nname = "^BM_x"\nreason = "safer now"\nuntil = 2026-12-31\nmost = 20\n'
        '[[accept]]\nname = "y"\nreason = "later"\nuntil = 2027-01-31\n',
        *BASELINE,
    )
    assert asked.plan.thresholds == (("/big$", 0.1),)
    assert asked.accepted == (
        Accepted("^BM_x", "safer now", date(2026, 12, 31), 20),
        Accepted("y", "later", date(2027, 1, 31)),
    )


ACCEPT = '[[accept]]\nname = "x"\nreason = "y"\nuntil = 2026-12-31\n'


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("[check]\nthresold = 5", "thresold"),
        ("[check]\nthresh = 5", "thresh"),  # on a command line it may be shortened
        ("[check]\nhelp = true", "help"),
        ('[check]\nreplay = "x"', "replay, which is for a command line alone"),
        ("[check]\nbisect-run = true", "bisect-run"),
        ('[check]\nfilter = "("', "--filter '(' is no regular expression"),
        ('[check]\nthreshold = "high"', "--threshold"),
        ("[check]\nthreshold = -1", "--threshold must be above 0"),
        ("[check]\nthreshold = 0", "--threshold must be above 0"),
        ('[check]\nbudget = "soon"', "--budget: 'soon' is no time"),
        ('[check]\nset = "some"', "--set"),
        ('[check]\nstrict = "yes"', "--strict"),
        ("[check]\nbinaries = true", "--binaries"),
        ("[check]\nseed = 2026-01-01", "check"),
        ('[check]\nbaseline = "x"\nbaseline-build = "y"', "not allowed with"),
        ("[chek]\nseed = 1", "chek"),
        ("check = 1", "check"),
        ("[check", "at end of document"),
        ("\xff", "utf-8"),
        ('[[threshold]]\nname = "x"', "percent"),
        ('[[threshold]]\nname = "x"\npercent = 0', "threshold[0].percent"),
        ('[[threshold]]\nname = "("\npercent = 5', "'(' is no regular expression"),
        (ACCEPT.replace('"x"', '"("'), "'(' is no regular expression"),
        (ACCEPT.replace("reason", "raeson"), "raeson"),
        (ACCEPT.replace('"y"', '""'), "reason"),
        (ACCEPT.replace("2026-12-31", '"soon"'), "until"),
        (ACCEPT + "most = -1\n", "most"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(repository, text, culprit):
    file = repository / "switchyard.toml"
    file.write_bytes(text.encode("latin-1"))
    args = ["check", "--binaries", "b/*"]
    if "baseline" not in text:
        args += ["--baseline-build", "x"]
    with pytest.raises(BadInputError) as error:
        options.read(build_parser().parse_args(args), Machine())
    assert str(file) in str(error.value)
    assert culprit in str(error.value)


def test_what_the_command_line_has_wrong_is_not_blamed_on_the_file(read):
    with pytest.raises(BadInputError) as error:
        read(f"[check]\n{FOREIGN}threshold = 5\n", *BASELINE, "--threshold", "-1")
    assert "switchyard.toml" not in str(error.value)


LAST_DAY = date(2026, 12, 31)
ENTRIES = (
    Accepted("^BM_x", "small", LAST_DAY, most=10),
    Accepted("^BM_x", "until then", date(2026, 6, 30)),
    Accepted("/y$", "any size", LAST_DAY),
)


@pytest.mark.parametrize(
    ("key", "percent", "today", "reason"),
    [
        ("BM_x/1", 9.9, LAST_DAY, "small (until 2026-12-31)"),
        ("BM_x/1", 10.1, LAST_DAY, None),
        ("BM_x/1", 10.1, date(2026, 6, 30), "until then (until 2026-06-30)"),
        ("BM_x/1", 10.1, date(2026, 7, 1), None),
        ("BM_x/1", 5.0, date(2027, 1, 1), None),
        ("a/BM_x/y", 90.0, LAST_DAY, "any size (until 2026-12-31)"),
        ("BM_z", 5.0, LAST_DAY, None),
    ],
)
def test_a_regression_is_accepted_by_name_size_and_date(key, percent, today, reason):
    """Its size as it is shown: a throughput that is lower by so many per cent."""
    for metric in (Metric(), Metric("items_per_second", higher_is_better=True)):
        change = math.log1p(metric.sign * percent / 100)
        evidence = Evidence(9, 0, change, None, None, 1.0, 1.0, 1.0, 1.0)
        regression = Finding(Benchmark(key, "", key), Verdict.REGRESSED, "", metric, evidence)
        assert why_accepted(ENTRIES, today, regression) == reason


@pytest.mark.parametrize(
    ("until", "code", "said"),
    [
        ("9999-12-31", 0, "accepted: safer now (until 9999-12-31)"),
        ("2020-12-31", 1, "1 of 1 benchmark is slower"),
    ],
)
def test_what_is_accepted_fails_no_check_before_its_day_and_is_shown(tmp_path, until, code, said):
    project = timed(tmp_path / "project", "10.0", "15.0")
    (project / "switchyard.toml").write_text(
        f'[check]\nbaseline = "HEAD~1"\nbinaries = "{BINARIES}"\nbuild-command = "{BUILD}"\n'
        f'[[accept]]\nname = "^BM_work"\nreason = "safer now"\nuntil = {until}\n'
    )
    done = run("--out", tmp_path / "out", cwd=project)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stdout.split())
    (finding,) = json.loads((tmp_path / "out/check.json").read_text())["findings"]
    assert finding["verdict"] == "regressed"
    assert run("--replay", tmp_path / "out").returncode == code


def test_a_benchmark_has_the_threshold_of_its_own(tmp_path):
    project = timed(tmp_path / "project", "10.0", "15.0")
    (project / "switchyard.toml").write_text(
        f'[check]\nbinaries = "{BINARIES}"\nbuild-command = "{BUILD}"\n'
        '[[threshold]]\nname = "^BM_"\npercent = 80\n'
    )
    done = run("--baseline", "HEAD~1", "--out", tmp_path / "out", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its threshold is 80 %" in done.stdout
