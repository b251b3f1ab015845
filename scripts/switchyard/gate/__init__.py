"""The regression check: is the candidate slower than the baseline? One module per part.

`model` has the records that all others speak in; `evidence` and `verdicts` turn pairs of launches
into an answer, and know nothing of processes or files; `stages` measures the pairs.
"""
