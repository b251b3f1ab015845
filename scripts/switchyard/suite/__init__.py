"""What a run is: the catalogue of benchmarks, rounds of launches, results and where they come from.

How results compare is not known here.
"""
