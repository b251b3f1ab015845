"""Where things lie in the repository. Everything else takes its folders as arguments."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "results"
RELEASE_BUILD = ROOT / "build" / "release"


def recorded(path: str | Path) -> str:
    """As it stands in results, which others read: relative to the repository if it is in it."""
    path = Path(path)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
