"""Advice: how to send a clip of speech, from measured tables and the models of links, radios and service times."""

from amser.advice.advise import Advice, Option, advise

__all__ = ["Advice", "Option", "advise"]
