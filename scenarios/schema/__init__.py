"""The parts of a scenario as pydantic models, one file for each room of the house."""
