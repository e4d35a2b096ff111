"""Trains and evaluates nano: data, variations, the loop, word errors against compress rate."""
