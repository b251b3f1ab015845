"""The JSON Schema of check.json, made from the types that it is written from and read into.

    PYTHONPATH=scripts .venv/bin/python tests/support/check_schema.py

puts it where it is published; a test holds one against the other.
"""

import json
from typing import Any

import msgspec

from switchyard.gate import document
from switchyard.gate.model import Report
from switchyard.system.paths import ROOT

FILE = ROOT / "scripts/switchyard/gate/schema.json"


def schema() -> dict[str, Any]:
    """Where the document differs from a report, document.py says how."""
    made = msgspec.json.schema(Report)
    of_report = made["$defs"]["Report"]
    of_report["properties"]["format"] = {"const": document.FORMAT}
    of_report["required"] = sorted({*of_report["required"], "format"})
    del made["$defs"]["Sample"]["properties"]["row"]
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "check.json"}
    return json.loads(json.dumps(whole | made))


if __name__ == "__main__":
    FILE.write_text(json.dumps(schema(), indent=2) + "\n")
