"""The measurement table: what every utterance under every codec really gives.

Each (utterance, codec, recogniser) is encoded, decoded and recognised once, and the results are kept in
a content-addressed cache.  ``recognizers.measure`` is the public entry.
"""
