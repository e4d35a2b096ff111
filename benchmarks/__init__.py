"""Benchmarks: each prints a ratio against a named peer or a naive version, taken in one run."""
