"""Trains nano: data, variations, the loop, word errors on the way."""
