"""LiveKit's side of a call: join the room, publish people's voices, receive the voicebot's voice and messages.

`connection` is one stay in a room. `microphone` is the track it publishes, and `stats` counts its frames. What the
voicebot writes comes as packets or `text_streams`, is bounded by `rate_limit`, and passes `transcript_source`, which
lets each line through once. `events` is what others are told, and `reports` what the flight recorder is told.
"""
