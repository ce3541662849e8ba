"""This machine's own Discord, Valsea, LiveKit and people, at wire level, for the demo and the tests."""
