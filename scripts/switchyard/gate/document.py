"""check.json: all that a check measured and decided, so that it can be judged again.

What it holds is described in schema.json (JSON Schema), and a file is read back only if it fits.
Files are replaced as a whole: one that is there is complete, though the check in it may not be.
"""

import json
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from ..system import files
from ..system.errors import BadInputError
from .model import Benchmark, Evidence, Finding, Pair, Plan, Report, Sample, Stage, Verdict

FORMAT = "switchyard-check/1"
FILE_NAME = "check.json"
_SCHEMA = Path(__file__).with_name("schema.json")


def to_document(report: Report) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "complete": report.complete,
        "advisory": report.advisory,
        "strict": report.strict,
        "exit_code": report.exit_code,
        "spent_s": round(report.spent_s, 3),
        "plan": asdict(report.plan),
        "facts": report.facts,
        "problems": report.problems,
        "findings": [asdict(finding) for finding in report.findings],
        "settled": [finding.benchmark.key for finding in report.settled],
        "pairs": [_pair_document(pair) for pair in report.pairs],
    }


def from_document(document: dict[str, Any]) -> Report:
    """Raises jsonschema.ValidationError."""
    jsonschema.validate(document, _schema())
    findings = [_finding(entry) for entry in document["findings"]]
    settled = set(document["settled"])
    return Report(
        plan=Plan(**document["plan"]),
        findings=findings,
        pairs=[_pair(entry) for entry in document["pairs"]],
        settled=[finding for finding in findings if finding.benchmark.key in settled],
        **{
            key: document[key]
            for key in (
                "facts", "problems", "strict", "advisory", "complete", "exit_code", "spent_s"
            )
        },
    )  # fmt: skip


def load(path: Path) -> Report:
    """Of a check's folder, or the file itself."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        return from_document(json.loads(file.read_bytes(), parse_constant=_refuse))
    except OSError as error:
        raise BadInputError(f"cannot read {file}: {error.strerror}") from None
    except jsonschema.ValidationError as error:
        where = "/".join(map(str, error.absolute_path)) or "the document"
        reason = error.message if len(error.message) < 200 else f"{error.message[:200]}..."
        raise BadInputError(f"{file} is no {FILE_NAME} of a check: {where}: {reason}") from None
    except (ValueError, RecursionError) as error:  # no JSON, or no text at all
        raise BadInputError(f"{file} is no JSON: {error}") from None


def write_json(path: Path, document: dict[str, Any]) -> None:
    files.write(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def _refuse(constant: str) -> None:
    """NaN and infinities, which Python's parser takes for numbers."""
    raise ValueError(f"{constant} is no number")


@cache
def _schema() -> dict[str, Any]:
    return json.loads(_SCHEMA.read_bytes())


def _pair_document(pair: Pair) -> dict[str, Any]:
    """Without Google Benchmark's own rows, which have files of their own."""
    document = {f.name: getattr(pair, f.name) for f in fields(pair)}
    for side in ("baseline", "candidate"):
        sample = asdict(document[side])
        del sample["row"]
        document[side] = sample
    return document


def _pair(entry: dict[str, Any]) -> Pair:
    samples = {side: Sample(**entry[side]) for side in ("baseline", "candidate")}
    return Pair(**entry | samples | {"stage": Stage(entry["stage"])})


def _finding(entry: dict[str, Any]) -> Finding:
    parts: dict[str, Any] = {
        "benchmark": Benchmark(**entry["benchmark"]),
        "verdict": Verdict(entry["verdict"]),
    }
    for stage in ("screen", "confirm"):
        seen = entry[stage]
        parts[stage] = seen and Evidence(**seen | {"stage": Stage(seen["stage"])})
    return Finding(**entry | parts)
