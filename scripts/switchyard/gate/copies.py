"""The programs that a check launches: copies of both sides' binaries, made anew for each round.

What a program costs depends on things that no change of its code has changed, and that stay the
same from launch to launch, so that pairs alone can't cancel them out:

- How the page cache holds its file. A fork of a program that was just linked and one of the same
  bytes read back from disk differ by 4 %, and a baseline that was kept is read back.
- How long its path is, as that lies on its stack and moves what follows (Mytkowicz et al. 2009,
  Producing Wrong Data Without Doing Anything Obviously Wrong).

So both sides run from copies that are made in the same way, in an order left to chance, below paths
of one length, and what is left to chance is drawn again in each round. Whatever lies beside a
binary is there too, as a link.
"""

import contextlib
import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..system.errors import BadInputError, SwitchyardError
from ..system.files import replacing
from .model import Benchmark, Side


@dataclass(frozen=True)
class Copies:
    """`roots`: by label, a folder like the side's own root."""

    sides: list[Side]
    roots: Mapping[str, Path]
    chance: random.Random

    def renew(self, benchmarks: Iterable[Benchmark]) -> None:
        """Copy what they are in anew. Raises SwitchyardError, also when that was built anew."""
        binaries = sorted({benchmark.binary for benchmark in benchmarks})
        self.chance.shuffle(self.sides)
        for side, binary in itertools.product(self.sides, binaries):
            source, target = side.root / binary, self.roots[side.label] / binary
            try:
                with replacing(target) as part:
                    shutil.copy2(source, part)
                    if target.exists() and _written(part) != _written(target):
                        raise SwitchyardError(
                            f"{source} was written anew while it was being measured: check again, "
                            "and don't build in the meantime"
                        )
            except OSError as error:
                why = f"cannot copy {binary} of the {side.label} to {target.parent}"
                raise SwitchyardError(f"{why}: {error.strerror}") from None


def _mirror(root: Path, copy: Path, binaries: Collection[str]) -> None:
    """Folders on the way to a binary are real; what else is in them are links."""
    folders = {folder for binary in binaries for folder in Path(binary).parents}
    left_out = {*folders, *map(Path, binaries)}
    for folder in sorted(folders):
        (copy / folder).mkdir()
        for path in (root / folder).iterdir():
            if folder / path.name not in left_out:
                (copy / folder / path.name).symlink_to(path.absolute())


def _written(path: Path) -> tuple[int, int]:
    """Its size, and when; a copy has that of what it was made from."""
    return path.stat().st_size, path.stat().st_mtime_ns


def expect_executable(parent: Path) -> None:
    """Before anything is built. Raises BadInputError where copies in `parent` could not run."""
    parent = parent.absolute()
    there = next(folder for folder in (parent, *parent.parents) if folder.exists())
    if os.statvfs(there).f_flag & os.ST_NOEXEC:
        raise BadInputError(
            f"{parent} is on a disk that is mounted noexec: the programs that a check copies there "
            "can't be started; choose another --out DIR"
        )


@contextlib.contextmanager
def fresh_copies(
    sides: Sequence[Side], benchmarks: Collection[Benchmark], parent: Path, seed: int
) -> Iterator[Copies]:
    """In a folder of their own in `parent`, gone on every way out. Raises SwitchyardError."""
    with contextlib.ExitStack() as stack:
        try:
            temporary = tempfile.TemporaryDirectory(
                prefix=".binaries-", dir=parent.resolve(), ignore_cleanup_errors=True
            )
            folder = Path(stack.enter_context(temporary))
            roots = {side.label: folder / side.label[0] for side in sides}
            for side in sides:
                _mirror(side.root, roots[side.label], {each.binary for each in benchmarks})
        except OSError as error:
            raise SwitchyardError(f"cannot copy binaries to {parent}: {error.strerror}") from None
        copies = Copies(list(sides), roots, random.Random(seed))
        copies.renew(benchmarks)
        yield copies
