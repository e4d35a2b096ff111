"""What the server recognizes: words by Whisper, emotions by networks, and how both are measured and scored."""
