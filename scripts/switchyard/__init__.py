"""Switchyard's Python side: runs the benchmark binaries, keeps their results, draws and explains.

The arithmetic here is tiny, so a pool of worker threads would only disturb what is measured and
make fork() in a threaded process out of every launch: it is switched off before numpy is loaded.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
