"""Speech that ships with the project: its grammar and its synthesis."""
