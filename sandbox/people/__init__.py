"""People: each has a Discord voice client of its own with real DAVE keys, a mouth, an ear and a bad line if wanted."""
