"""What results say: statistics and comparisons, and how tables, figures and reports show them."""

import os

# Read when matplotlib is loaded: a notebook's own, which it exports, can't be loaded elsewhere, and
# settings are for figures of the user's.
os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull
