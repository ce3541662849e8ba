"""A Valsea on this machine: the documented session API with its errors and its meter, and a voicebot behind it."""
