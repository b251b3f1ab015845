"""Finds the commit that made a benchmark slower: git's own bisection, whose question is a check.

Git searches in a worktree of its own that has no files, so that the user's work tree, HEAD, index
and refs stay as they are. Each commit that it names is built like a baseline, and kept like one,
and checked against the build of the good commit. What can't be built or decided is skipped.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from ..system.errors import BadInputError, CandidateError, SwitchyardError
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.paths import state_folder
from ..system.terminal import plain_console
from . import document, execution, prepare, verdicts, wording
from .build_commands import git
from .model import Finding, Side, Verdict
from .options import Check
from .revision import Builder, claim, hold

# What is undecided gets so many times the budget, once.
_LARGER = 3
_ONE_OF_SEVERAL = 3
# Of `git bisect skip`, when nothing else is left.
_ONLY_SKIPPED = 2
_GOOD_ONES = "--glob=refs/bisect/good-*"


def bisect(asked: Check, bad: str, machine: Machine) -> int:
    """The exit code. asked.ref is the good commit. Raises SwitchyardError."""
    console = plain_console(stderr=True)
    with Interrupts() as interrupts:
        builder = Builder(asked.repository, console, interrupts, asked.build_command)
        judge = _Judge(asked, builder, machine, console, interrupts)
        try:
            return _Search(judge, builder.resolve(asked.ref), builder.resolve(bad)).run()
        except Interrupted as interrupted:
            console.print(str(interrupted), soft_wrap=True)
            return interrupted.exit_code


@dataclass(frozen=True)
class _Judged:
    """Whether a commit is slower; None if that can't be told, and then why."""

    slower: bool | None
    findings: Sequence[Finding]
    why: str = ""


@dataclass
class _Judge:
    """Builds commits, and checks one against another. Raises SwitchyardError, and Interrupted."""

    asked: Check
    builder: Builder
    machine: Machine
    console: Console
    interrupts: Interrupts
    checks: int = 0

    def baseline(self, sha: str) -> Side:
        """To be checked against; it is held as long as this judge is there."""
        return self._built(self.builder, sha, "baseline")

    def judge(self, sha: str, baseline: Side) -> _Judged:
        builder = replace(self.builder, held=[])  # as long as it is measured
        try:
            side = self._built(builder, sha, "candidate")
            judged = self._compare(baseline, side, 1)
            return self._compare(baseline, side, _LARGER) if judged.slower is None else judged
        except CandidateError as error:
            return _Judged(None, (), str(error).splitlines()[0])

    def _built(self, builder: Builder, sha: str, label: str) -> Side:
        build = self.asked.candidate_build
        return builder.revision(sha, build, prepare.targets(self.asked, build), label)

    def _compare(self, baseline: Side, candidate: Side, times: int) -> _Judged:
        asked, self.checks = self.asked, self.checks + 1
        builds = replace(
            asked, ref=None, baseline_build=baseline.root, candidate_build=candidate.root,
            builds_candidate=False, build_command=None,
            plan=replace(asked.plan, budget_s=times * asked.plan.budget_s),
            out=asked.out and asked.out / f"{self.checks:02}-{candidate.sha[:7]}",
        )  # fmt: skip
        cpus = os.sched_getaffinity(0)
        try:
            report, folder = execution.compare(builds, self.machine, self.console, self.interrupts)
        finally:
            os.sched_setaffinity(0, cpus)  # a check leaves one to what it measures
        self.interrupts.stop_if_any()
        document.save(report, folder)
        slower = verdicts.slower(report.findings, strict=True)
        return _Judged(slower, report.findings, _told(report.findings))


@dataclass
class _Search:
    """From commit to commit; `judged` has those that were looked at."""

    judge: _Judge
    good: str
    bad: str
    judged: dict[str, _Judged] = field(default_factory=dict)

    def run(self) -> int:
        baseline = self.judge.baseline(self.good)
        self._expect_slower(self._look_at(self.bad, baseline))
        with _worktree(self.judge.builder, self.bad) as tree:
            code = _bisect(tree, "start", "--no-checkout", self.bad, self.good)
            while True:
                left = _lines(tree, "rev-list", "refs/bisect/bad", "--not", _GOOD_ONES)
                unknown = [sha for sha in left if sha not in self.judged]
                if len(left) == 1 or not unknown or code == _ONLY_SKIPPED:
                    return self._tell(left)
                self._say(f"{len(unknown)} commit{'s'[: len(unknown) != 1]} to choose from")
                (sha,) = _lines(tree, "rev-parse", "BISECT_HEAD")
                slower = self._look_at(sha, baseline).slower
                code = _bisect(tree, "skip" if slower is None else "bad" if slower else "good", sha)

    def _look_at(self, sha: str, baseline: Side) -> _Judged:
        self._say(f"looking at {self._described(sha)}")
        judged = self.judged[sha] = self.judge.judge(sha, baseline)
        self._say(f"{sha[:7]}: {judged.why}")
        return judged

    def _expect_slower(self, judged: _Judged) -> None:
        """And search for those alone that are. Raises SwitchyardError if none is."""
        for finding in judged.findings:
            if not finding.was_compared:
                raise BadInputError(f"{finding.benchmark.key}: {finding.why}")
        slower = [f.benchmark for f in judged.findings if f.verdict == Verdict.REGRESSED]
        if not slower:
            ends = f"{self.bad[:7]} was not found slower than {self.good[:7]}"
            raise SwitchyardError(f"{ends}, so there is nothing to search for: {judged.why}")
        known = {name for benchmark in slower for name in (benchmark.key, benchmark.name)}
        wanted = tuple(name for name in self.judge.asked.wanted if name in known)
        self.judge.asked = replace(self.judge.asked, wanted=wanted or self.judge.asked.wanted)

    def _tell(self, left: Sequence[str]) -> int:
        """left: those that may be the first, the newest of which is slower."""
        is_found = len(left) == 1
        if is_found:
            print(f"{left[0]} is the first slower commit")
            print(f"  {self._described(left[0])}")
            print(*(f"  {line}" for line in self._effect(left[0])), sep="\n")
        else:
            print("the first slower commit is one of these, as not all could be judged:")
            print(*(f"  {self._described(sha)}" for sha in left), sep="\n")
        for sha, judged in self.judged.items():
            if judged.slower is None:
                print(f"skipped: {self._described(sha)}: {judged.why}")
        return 0 if is_found else _ONE_OF_SEVERAL

    def _effect(self, sha: str) -> list[str]:
        """Of the commit by itself, measured anew; where its parent can't be built, all since the
        good commit.
        """
        judged, against = self.judged[sha], f"the good commit {self.good[:7]}"
        with contextlib.suppress(SwitchyardError):
            (parent,) = _lines(self.judge.asked.repository, "rev-parse", f"{sha}^1")
            if parent != self.good:
                alone = self.judge.judge(sha, self.judge.baseline(parent))
                if alone.findings:
                    judged, against = alone, f"its parent {parent[:7]}"
        return [f"{wording.proven(found)} against {against}" for found in judged.findings]

    def _described(self, sha: str) -> str:
        words = ("show", "--no-patch", "--no-show-signature", "--format=%h %s (%an, %ad)", sha)
        return _lines(self.judge.asked.repository, *words, "--date=iso")[0]

    def _say(self, line: str) -> None:
        self.judge.console.print(f"bisect: {line}", soft_wrap=True)


def _told(findings: Sequence[Finding]) -> str:
    """Each on its own, in a line."""
    told = []
    for finding in findings:
        change = f"({wording.change(finding)}) " if finding.evidence else ""
        told.append(f"{wording.name(finding)} {finding.verdict} {change}{wording.reason(finding)}")
    return "; ".join(map(str.strip, told))


def _bisect(tree: Path, *words: str) -> int:
    """Raises SwitchyardError if git can't go on, with its reason."""
    done = git(tree, "bisect", *words)
    if done.code not in (0, _ONLY_SKIPPED):
        said = " ".join(done.stdout.split())
        raise SwitchyardError(f"git bisect {words[0]}: {said or done.complaint}")
    return done.code


def _lines(folder: Path, *words: str) -> list[str]:
    done = git(folder, *words)
    if done.code != 0:
        raise SwitchyardError(f"git {words[0]}: {done.complaint}")
    return done.stdout.splitlines()


@contextlib.contextmanager
def _worktree(builder: Builder, sha: str) -> Iterator[Path]:
    """Without files, and gone on every way out. What a killed bisection left of its own goes first.
    Raises SwitchyardError, also when another one runs.
    """
    folder = state_folder(builder.repository) / "bisect"
    claim(folder)
    try:
        lock = hold(folder, fcntl.LOCK_EX)
    except BlockingIOError:
        raise SwitchyardError(f"another bisection is under way in {folder}") from None
    with lock:
        builder.remove(folder / "tree")
        try:
            _lines(builder.repository, "worktree", "add", "--detach", "--no-checkout",
                   str(folder / "tree"), sha)  # fmt: skip
            yield folder / "tree"
        finally:
            builder.remove(folder / "tree")
