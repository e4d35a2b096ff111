"""What travels and how: codecs of speech, and the links that carry their payloads."""
