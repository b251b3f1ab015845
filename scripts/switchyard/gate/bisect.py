"""Finds the commit that made a benchmark slower: git's own bisection, whose question is a check.

Git is asked which commit halves those that are left, and keeps no state, so that the user's work
tree, HEAD, index and refs stay as they are. That commit is built like a baseline, and kept like
one, and checked against the build of the good commit. What can't be built or decided is skipped.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..system.errors import BadInputError, CandidateError, SwitchyardError
from ..system.git import git
from ..system.interrupts import Interrupted, Interrupts
from ..system.machine import Machine
from ..system.terminal import plain_console
from . import document, execution, prepare, verdicts, wording
from .model import Finding, Side, Verdict
from .options import Check
from .revision import Builder

# What is undecided gets a larger budget, once.
_TIMES_THE_BUDGET = (1, 3)
_ONE_OF_SEVERAL = 3


def bisect(asked: Check, bad: str, machine: Machine) -> int:
    """The exit code. asked.ref is the good commit. Raises SwitchyardError."""
    console = plain_console(stderr=True)
    with Interrupts() as interrupts:
        builder = Builder(asked.repository, console, interrupts, asked.build_command)
        try:
            ends = builder.resolve(asked.ref), builder.resolve(bad)
            return _Search(asked, builder, machine, *ends).run()
        except Interrupted as interrupted:
            console.print(str(interrupted), soft_wrap=True)
            return interrupted.exit_code


@dataclass(frozen=True)
class _Judged:
    """Whether a commit is slower; None if that can't be told, and then why."""

    slower: bool | None
    findings: Sequence[Finding]
    why: str


@dataclass
class _Search:
    """From commit to commit; `judged` has those that were looked at. Its methods raise
    SwitchyardError, and Interrupted.
    """

    asked: Check
    builder: Builder
    machine: Machine
    good: str
    bad: str
    judged: dict[str, _Judged] = field(default_factory=dict)
    checks: int = 0

    def run(self) -> int:
        baseline = self._built(self.good, "baseline", self.builder)
        self._expect_slower(self._look_at(self.bad, baseline))
        self._expect_no_gain(baseline)
        bad, good = self.bad, [self.good]
        while True:
            # What halves them best comes first, each with how well.
            ranked = self._git("rev-list", "--bisect-all", bad, "--not", *good)
            unknown = [sha for sha, *_ in map(str.split, ranked) if sha not in self.judged]
            if not unknown:
                return self._tell(self._git("rev-list", bad, "--not", *good))
            self._say(f"{len(unknown)} commit{'s'[: len(unknown) != 1]} to choose from")
            slower = self._look_at(unknown[0], baseline).slower
            if slower:
                bad = unknown[0]
            elif slower is False:
                good.append(unknown[0])

    def _look_at(self, sha: str, baseline: Side) -> _Judged:
        self._say(f"looking at {self._described(sha)}")
        judged = self.judged[sha] = self._judge(sha, baseline)
        self._say(f"{sha[:7]}: {judged.why}")
        return judged

    def _judge(self, sha: str, baseline: Side) -> _Judged:
        builder = replace(self.builder, held=[])  # as long as it is measured
        try:
            candidate = self._built(sha, "candidate", builder)
            for times in _TIMES_THE_BUDGET:
                judged = self._compare(baseline, candidate, times)
                if judged.slower is not None:
                    break
        except CandidateError as error:
            return _Judged(None, (), str(error).splitlines()[0])
        return judged

    def _built(self, sha: str, label: Literal["baseline", "candidate"], builder: Builder) -> Side:
        """It is held as long as the builder is there."""
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
        console, interrupts = self.builder.console, self.builder.interrupts
        cpus = os.sched_getaffinity(0)
        report, folder = execution.compare(builds, self.machine, console, interrupts)
        os.sched_setaffinity(0, cpus)  # a check leaves one to what it measures
        interrupts.stop_if_any()
        document.save(report, folder)
        slower = verdicts.slower(report.findings, strict=True)
        return _Judged(slower, report.findings, _told(report.findings))

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
        wanted = [name for name in self.asked.wanted if name in known]
        self.asked = replace(self.asked, wanted=wanted or self.asked.wanted)

    def _expect_no_gain(self, baseline: Side) -> None:
        """Before the good end, if that is on a branch of its own: then there is more to look for
        than one commit. Raises SwitchyardError.
        """
        bases = git(self.asked.repository, "merge-base", "--all", self.good, self.bad)
        for base in set(bases.stdout.split()) - {self.good}:
            if (self.judged.get(base) or self._look_at(base, baseline)).slower:
                where = f"{base[:7]}, where {self.good[:7]} branched off, is slower too"
                raise SwitchyardError(f"{where}: what made {self.good[:7]} faster came later")

    def _tell(self, left: Sequence[str]) -> int:
        """left: those that may be the first, the newest of which is slower."""
        described = [f"  {self._described(sha)}" for sha in left]
        if len(left) == 1:
            print(f"{left[0]} is the first slower commit", *described, sep="\n")
            print(*(f"  {line}" for line in self._effect(left[0])), sep="\n")
        else:
            lead = "the first slower commit is one of these, as not all could be judged:"
            print(lead, *described, sep="\n")
        for sha, judged in self.judged.items():
            if judged.slower is None:
                print(f"skipped: {self._described(sha)}: {judged.why}")
        return 0 if len(left) == 1 else _ONE_OF_SEVERAL

    def _effect(self, sha: str) -> list[str]:
        """Of the commit by itself, measured anew; where its parent can't be built, all since the
        good commit.
        """
        judged, against = self.judged[sha], f"the good commit {self.good[:7]}"
        with contextlib.suppress(SwitchyardError):
            (parent,) = self._git("rev-parse", f"{sha}^1")
            if parent != self.good:
                alone = self._judge(sha, self._built(parent, "baseline", self.builder))
                if any(found.evidence for found in alone.findings):
                    judged, against = alone, f"its parent {parent[:7]}"
        return [f"{wording.proven(found)} against {against}" for found in judged.findings]

    def _described(self, sha: str) -> str:
        words = ("show", "--no-patch", "--no-show-signature", "--format=%h %s (%an, %ad)", sha)
        return self._git(*words, "--date=iso")[0]

    def _git(self, *words: str) -> list[str]:
        """The lines that it printed. Raises SwitchyardError if it can't, with its reason."""
        done = git(self.asked.repository, *words)
        if done.code != 0:
            raise SwitchyardError(f"git {words[0]}: {done.complaint}")
        return done.stdout.splitlines()

    def _say(self, line: str) -> None:
        self.builder.console.print(f"bisect: {line}", soft_wrap=True)


def _told(findings: Sequence[Finding]) -> str:
    """Each on its own, in a line."""
    told = []
    for finding in findings:
        change = f"({wording.change(finding)}) " if finding.evidence else ""
        told.append(f"{wording.name(finding)} {finding.verdict} {change}{wording.reason(finding)}")
    return "; ".join(map(str.strip, told))
