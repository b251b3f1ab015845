"""Proves the regression check: many whole checks of builds whose difference is known.

`runs` measures them, `summary` counts what they and simpler methods found, `text` and `figure` show
it. `python -m switchyard.gate.study` (__main__.py) puts them together.
"""
