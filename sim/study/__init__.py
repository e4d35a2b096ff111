"""A study: every point of a scenario, replicated in processes or on a cluster, kept in a results folder."""
