"""Proves the regression check: many whole checks of builds whose difference is known.

`runs` measures them, `rivals` says what simpler methods make of the same data, `summary` counts,
`figure` draws. scripts/validate_check.py puts them together.
"""
