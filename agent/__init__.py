"""A voicebot of our own: joins a LiveKit room, listens, thinks and speaks. It knows nothing of Discord.

Built on livekit-agents with Silero's voice activity detection, Whisper for recognition and Piper for speech; the models
come from pip wheels, so it runs without a network. `python -m agent --help` says how to start it.
"""
