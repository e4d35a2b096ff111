"""Trains what the codecs ship with: codebooks, bases, probability tables."""
