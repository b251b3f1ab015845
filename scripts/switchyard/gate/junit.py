"""A check as JUnit XML, which every CI service shows: a test case for each benchmark.

A benchmark that is slower is a failure and one that does not run an error; what could not be
decided is skipped, never passed. Advisory verdicts fail here only if they fail the check.
"""

import re
from xml.etree import ElementTree

from . import wording
from .model import Finding, Report

# Whatever is not a character of XML 1.0 (section 2.2) can't stand in it, not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERS = (
    "change {change}, 95 % interval {95 % interval}, pairs {pairs}, p {p}, "
    "instructions {instructions}"
)
_REGRESSED_EXIT = 1
_HEAD = "<?xml version='1.0' encoding='utf-8'?>\n"


def junit_xml(report: Report) -> bytes:
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", name="switchyard check")
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        if value:
            ElementTree.SubElement(properties, "property", name=name, value=value)
    findings = wording.worst_first(report.findings)
    elements = [_add_case(suite, finding, report) for finding in findings]
    counts = {
        "tests": len(elements), "failures": elements.count("failure"),
        "errors": elements.count("error"), "skipped": elements.count("skipped"),
        "time": f"{report.spent_s:.3f}",
    }  # fmt: skip
    for holder in (suites, suite):
        holder.attrib |= {name: str(count) for name, count in counts.items()}
    if report.facts.get("started_at"):
        suite.set("timestamp", str(report.facts["started_at"]))
    if caveats := wording.caveats(report):
        ElementTree.SubElement(suite, "system-err").text = "\n".join(caveats)
    ElementTree.indent(suites)
    return (_HEAD + _NO_XML.sub("", ElementTree.tostring(suites, "unicode")) + "\n").encode()


def _properties(report: Report) -> dict[str, str | None]:
    plan = report.plan
    return wording.sides(report) | {
        "seed": str(plan.seed), "threshold": f"{plan.threshold:g}", "alpha": f"{plan.alpha:g}",
        "machine": wording.machine(report), "command": report.facts.get("command"),
    }  # fmt: skip


def _add_case(suite: ElementTree.Element, finding: Finding, report: Report) -> str:
    """The child of its test case that tells the result; empty for one that passed."""
    benchmark, verdict = finding.benchmark, finding.verdict
    pairs = [pair for pair in report.pairs if pair.benchmark == benchmark.key]
    seconds = sum(pair.baseline.wall_s + pair.candidate.wall_s for pair in pairs)
    about = {"classname": benchmark.binary, "name": wording.name(finding)}
    case = ElementTree.SubElement(suite, "testcase", about, time=f"{seconds:.3f}")
    told = _NUMBERS.format_map(wording.numbers(finding))
    element = wording.WORST_FIRST[verdict].element
    forgiven = finding.accepted or (report.advisory and report.exit_code != _REGRESSED_EXIT)
    if element == "failure" and forgiven:
        element = "skipped"
    if not element:
        ElementTree.SubElement(case, "system-out").text = f"{verdict}: {told}"
        return ""
    message = wording.reason(finding) or f"{verdict}: {wording.change(finding)}"
    result = ElementTree.SubElement(case, element, message=message)
    if element != "skipped":
        result.set("type", verdict)
    if finding.evidence:
        result.text = told
    return element
