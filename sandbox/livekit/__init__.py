"""The real livekit-server: found, or built once, and run on free ports."""
