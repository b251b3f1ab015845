"""Where things lie. Everything else takes its folders as arguments.

Switchyard is started from a checkout of it, or it is an installed package, which may stand anywhere
and beside which nothing is written. An installed one works on the checkout that the current folder
is in, if it is in one: for its own benchmarks it needs their sources or their build.
"""

import hashlib
import os
from pathlib import Path

from .errors import BadInputError


def _checkout(folders: list[Path]) -> Path | None:
    """The first that is one."""
    own = "scripts/switchyard/system/paths.py"
    return next((top for top in folders if (top / "bench").is_dir() and (top / own).exists()), None)


def _current_folders() -> list[Path]:
    """The current folder and those above it; none if it is gone."""
    try:
        here = Path.cwd()
    except OSError:
        return []
    return [here, *here.parents]


_BESIDE_US = _checkout(list(Path(__file__).resolve().parents[3:4]))
IS_INSTALLED = _BESIDE_US is None
# The checkout of Switchyard and its usual build. An installed package may have neither, and then
# writes results below the current folder.
ROOT = _BESIDE_US or _checkout(_current_folders())
RESULTS = ROOT / "results" if ROOT else Path("results")
RELEASE_BUILD = ROOT / "build" / "release" if ROOT else None
STATE = ".switchyard"
_KEPT = {"baselines", "checks", "candidate.log"}


def recorded(path: str | Path) -> str:
    """As it stands in results, which others read: relative to the checkout if it is in it."""
    path = Path(path)
    return str(path.relative_to(ROOT) if ROOT and path.is_relative_to(ROOT) else path)


def state_folder(repository: Path) -> Path:
    """What checks keep of a repository: in it, where git does not see it; where that can't be
    written to, in the user's cache. Made if need be. Raises BadInputError if neither can be.
    """
    repository = repository.resolve()
    digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:12]
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        cache = Path("/nonexistent")
    places = repository / STATE, cache / "switchyard" / f"{repository.name}-{digest}"
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
            if {path.name for path in place.iterdir()} <= _KEPT:  # restored by a cache, perhaps
                (place / ".gitignore").write_text("*\n")
        except OSError:
            continue
        if os.access(place, os.W_OK | os.X_OK):
            return place
    raise BadInputError(f"cannot write to {places[0]} nor to {places[1]}: set XDG_CACHE_HOME")
