"""The measurement table: what every utterance under every codec really gives.

Each (utterance, codec, recognizer) is encoded, decoded and recognized once, and the results are kept in
a content-addressed cache.  ``recognizers.measurement.measure`` is the public entry.
"""
