"""What results say: statistics and comparisons, and how tables, figures and reports show them."""

import os

# Read when matplotlib is loaded: a notebook's own, which it exports, can't be loaded elsewhere.
os.environ["MPLBACKEND"] = "agg"
