"""Figures of uploads: sums of a replication's log, accuracies of its words, intervals, warm-up."""
