"""What a run shows, in plain sentences, none of which claims more than its interval supports.

All cases of a workload, in the words of answers.py, and what failed or is doubtful in each.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..suite.results import ResultsFolder, WorkloadResults
from ..suite.warnings import held_up
from .answers import behind, told, value
from .comparison import Case, Comparison, Ranking, split_parameters

_NOBODY = "none is shown to be ahead of all others"


@dataclass(frozen=True)
class Sentence:
    """`case`: the parameters that it speaks of, empty where all cases have the same."""

    case: str
    text: str


@dataclass(frozen=True)
class WorkloadSummary:
    headline: str
    sentences: list[Sentence]
    problems: list[Sentence]


def overview(folder: ResultsFolder) -> str:
    """How much was measured, and how much of it failed."""
    records = [r for kept in folder.workloads.values() for r in kept.records()]
    rows, rounds = {r.row.name for r in records}, {r.round for r in records}
    limited = {r.row.name for r in records if r.is_limit}
    failed = {r.row.name for r in records if r.problem and not r.is_limit}
    return (
        f"{_count(len(rows), 'row')} of {_count(len(folder.workloads), 'workload')} in "
        f"{_count(len(rounds), 'round')}, {_count(len(records), 'launch', 'es')}: "
        f"{len(failed) or 'none'} failed, {len(limited) or 'none'} met a limit of the machine."
    )


def summarize_workload(
    results: WorkloadResults, comparison: Comparison, shown: float
) -> WorkloadSummary:
    """`comparison`: that of the workload's metric; `shown`: up to which p a lead is shown."""
    _, varying = split_parameters(comparison.cases)
    doubtful = held_up(results.records())
    sentences, problems, rankings = [], [], []
    for case in comparison.cases:
        label = ", ".join(f"{name}:{value}" for name, value in case if name in varying)
        problems.extend(Sentence(label, text) for text in _problems(comparison, case))
        if found := comparison.ranking(case, shown):
            rankings.append(found)
            parts = [told(comparison, found), *_to_control(comparison, found)]
            parts += _saturated(comparison, found, doubtful)
            sentences.append(Sentence(label, " ".join(parts)))
    return WorkloadSummary(_headline(comparison, rankings), sentences, problems)


def _headline(comparison: Comparison, rankings: list[Ranking]) -> str:
    """In how many cases each one is ahead of all others."""
    contested = [found for found in rankings if found.leads]
    if not contested:
        return "Nothing to compare: no case has two contenders with a result."
    ahead = Counter(found.leader for found in contested if found.is_shown)
    if len(contested) == 1:
        said = f"{next(iter(ahead))} is {_superlative(comparison)}" if ahead else _NOBODY
        return f"In the only case with several contenders, {said}."
    parts = [f"{name} is {_superlative(comparison)} in {n}" for name, n in ahead.most_common()]
    if undecided := len(contested) - ahead.total():
        parts.append(f"{_NOBODY} in {undecided}")
    return f"Of {len(contested)} cases with several contenders: {'; '.join(parts)}."


def _superlative(comparison: Comparison) -> str:
    return "fastest" if comparison.workload.metric.unit in ("s", "1/s") else "best"


def _to_control(comparison: Comparison, found: Ranking) -> Iterator[str]:
    """The limit, where there is one, and how the best contender stands to it."""
    control = comparison.references[found.case]
    if comparison.reference_kind(found.case) == "control" and control != found.leader:
        limit = value(comparison, found.case, control)
        ratio = behind(comparison.cells[found.case, found.leader].ratio)
        yield f"Limit: {limit}; {found.leader} in times of it{ratio}."


def _saturated(comparison: Comparison, found: Ranking, doubtful: set[str]) -> Iterator[str]:
    columns = dict.fromkeys((found.leader, *found.leads, comparison.references[found.case]))
    names = [c for c in columns if comparison.cells[found.case, c].row.name in doubtful]
    if names:
        yield (
            f"The load generator or origin was saturated or late with {', '.join(names)}: "
            "these may be faster than shown."
        )


def _problems(comparison: Comparison, case: Case) -> Iterator[str]:
    """Which limit was met, what failed, and in how many rounds if not in all."""
    for column, cell in comparison.of(case).items():
        counted = Counter((r.problem, r.is_limit) for r in cell.problems)
        for (text, is_limit), n in counted.items():
            share = "" if n == cell.rounds else f" (in {n} of {cell.rounds} rounds)"
            yield f"{column}: {'' if is_limit else 'FAILED: '}{text}{share}"


def _count(number: int, noun: str, ending: str = "s") -> str:
    return f"{number:,} {noun}{ending if number != 1 else ''}"
