"""Proves the regression check: many whole checks of builds whose difference is known.

`runs` measures them, `rivals` says what simpler methods make of the same data, `summary` counts,
`figure` draws. `python -m switchyard.gate.study` (__main__.py) puts them together.
"""
