"""Inputs of every kind, made up by hypothesis: files, overrides, recordings, results, caches, tables and weights.

No input ends in exit code 70, the code of a defect.  ``test_fuzz.py`` tries some of them; many more by

    python -m tests.amser.fuzz --cases 50000
"""
