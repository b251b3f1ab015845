"""Whether our figures agree with those of instruments that others wrote: perf, wrk, GNU time, and
the kernel's TCP counters. `switchyard.sh validate` is its command.

Not to be confused with switchyard.gate.study, which shows how often the regression check is wrong.
"""
