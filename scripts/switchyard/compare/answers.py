"""What a run answers, a workload at a time, in one sentence that needs no table to be understood.

Of a workload one case is told: the one that is asked for (suite/questions.py), or else the one with
most contenders, with each parameter that other cases have otherwise and the words don't tell. Each
runtime stands there with its best mechanism, the best one first, the others with the factor by
which they are behind it and that factor's 95 % interval. Servers of the user's own, which --server
named, follow in the same way, but compete with nobody. "Ahead" allows for all the comparisons of
these cases together (statistics.level).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..suite import questions
from ..suite.catalog import in_order
from ..suite.questions import Question
from ..suite.results import ResultsFolder
from ..system import units
from .comparison import Case, Comparison, Ranking, compare, split_parameters
from .statistics import Finding, Summary, level


@dataclass(frozen=True)
class Answer:
    """`beside`: what else was measured there: the limit, a floor, what was not written for this."""

    workload: str
    text: str
    beside: str


def answers(folder: ResultsFolder) -> list[Answer]:
    """In the order in which workloads are told, without those of which nothing was measured."""
    kept = in_order(folder.workloads.values(), lambda results: results.workload)
    asked = []
    for results in kept:
        comparison = compare(results).measured()
        name = results.workload.name
        question = questions.of(name)
        if case := _case(comparison, question):
            if not question.is_of(case):  # it has other words then
                label = results.workload.metric.label
                question = Question(label)
            asked.append((comparison, question, case))
    shown = level(lead for comparison, _, case in asked for lead in comparison.leads(case))
    return [_answer(*of_one, shown) for of_one in asked]


def _answer(comparison: Comparison, question: Question, case: Case, shown: float) -> Answer:
    models, contenders = _best_columns(comparison, case), comparison.contenders(case)
    others = [column for column in comparison.ranked(case) if column not in contenders]
    own = [column for column in others if comparison.cells[case, column].row.command]
    asides = [column for column in others if column not in own]
    sentence = told(comparison, comparison.ranking(case, shown, models))
    if own:
        sentence += f" Your own: {_against(comparison, case, models[0], own)}."
    beside = ", ".join(value(comparison, case, column) for column in asides)
    text = question.text + _untold(comparison, question, case)
    return Answer(comparison.workload.name, f"{text}: {sentence}", beside)


def _untold(comparison: Comparison, question: Question, case: Case) -> str:
    """ " (bytes:1024)"."""
    _, varying = split_parameters(comparison.cases)
    untold = [f"{n}:{v}" for n, v in case if n in varying and n not in question.where]
    return f" ({', '.join(untold)})" if untold else ""


def told(comparison: Comparison, found: Ranking) -> str:
    """The leader's median, those of the others and how far they are behind, and what that shows."""
    best = value(comparison, found.case, found.leader)
    values = [best, *filter(None, [_against(comparison, found.case, found.leader, found.leads)])]
    return f"{', '.join(values)}. {_verdict(found)}".strip()


def _against(comparison: Comparison, case: Case, leader: str, columns: Iterable[str]) -> str:
    return ", ".join(
        value(comparison, case, column) + behind(comparison.lead(case, leader, column))
        for column in columns
    )


def value(comparison: Comparison, case: Case, column: str) -> str:
    """ "thread (futex) 1.32 us"."""
    runtime, _, mechanism = column.partition(" ")
    by = f" ({mechanism})" if mechanism else ""
    median = comparison.cells[case, column].summary.median
    return f"{runtime}{by} {units.with_unit(median, comparison.workload.metric.unit)}"


def _case(comparison: Comparison, question: Question) -> Case | None:
    """None where nothing that competes was measured."""
    contested = {case: n for case in comparison.cases if (n := len(comparison.contenders(case)))}
    wanted = [case for case in contested if question.is_of(case)]
    return max(wanted or contested, key=contested.get, default=None)


def _best_columns(comparison: Comparison, case: Case) -> list[str]:
    """Of each runtime that competes, the best first."""
    best: dict[str, str] = {}
    for column in comparison.contenders(case):
        best.setdefault(comparison.cells[case, column].row.runtime, column)
    return [*best.values()]


def behind(lead: Summary | None) -> str:
    """ " (1.39x: 1.27-1.52)"."""
    if not lead:
        return ""
    interval = "" if lead.is_range else f": {units.ratios(lead.low, lead.high)}"
    return f" ({units.ratio(lead.median)}{interval})"


def _verdict(found: Ranking) -> str:
    several = len({c.partition(" ")[0] for c in (found.leader, *found.leads)}) <= len(found.leads)

    def names(columns: Iterable[str]) -> str:
        return ", ".join(c if several else c.partition(" ")[0] for c in columns)

    leader = names([found.leader])
    ahead = found.over(Finding.BETTER)
    parts = []
    if ahead:
        of_whom = f" of {names(ahead)}" if not found.is_shown else ""
        parts.append(f"{leader} is ahead{of_whom}")
    for said, text in (
        (Finding.WORSE, f"round by round {leader} is behind {{}}"),
        (Finding.PERHAPS, "perhaps of {}" if ahead else f"{leader} is perhaps ahead of {{}}"),
        (Finding.SAME, f"not shown to differ from {leader}: {{}}"),
        *((why, f"no interval for {{}} ({why})") for why in (Finding.TOO_FEW, Finding.ZERO)),
    ):  # fmt: skip
        if columns := found.over(said):
            parts.append(text.format(names(columns)))
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
