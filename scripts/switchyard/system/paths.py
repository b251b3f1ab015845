"""Where things lie in the repository. Everything else takes its folders as arguments."""

import hashlib
import os
from pathlib import Path

from .errors import BadInputError

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "results"
RELEASE_BUILD = ROOT / "build" / "release"
_STATE = ".switchyard"


def recorded(path: str | Path) -> str:
    """As it stands in results, which others read: relative to the repository if it is in it."""
    path = Path(path)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


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
    places = repository / _STATE, cache / "switchyard" / f"{repository.name}-{digest}"
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
            if not any(place.iterdir()):
                (place / ".gitignore").write_text("*\n")
        except OSError:
            continue
        if os.access(place, os.W_OK | os.X_OK):
            return place
    raise BadInputError(f"cannot write to {places[0]} nor to {places[1]}: set XDG_CACHE_HOME")
