"""LiveKit's side of a call: join the room, publish people's voices, receive the voicebot's voice and messages."""
