"""Where things lie in the repository. Everything else takes its folders as arguments."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
RELEASE_BUILD = ROOT / "build" / "release"
