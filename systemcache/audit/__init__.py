"""The auditor compares a sample of the cache's answers with their source, and counts what it finds.

`sampling.py` takes the answers and has a thread look at them, `check.py` holds the rule by which one is judged,
`findings.py` what was found, over all processes, and `evidence.py` how far that goes.
"""
