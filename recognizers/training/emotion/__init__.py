"""Trains the emotion networks that read a Mel, and evaluates them across speakers."""
