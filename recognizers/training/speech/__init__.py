"""Speech that ships with the project: its grammar, its synthesis, and the loader of the committed clips."""
