"""`/voicebot settings`, `/voicebot setup` and `/voicebot plugins`: what admins change on their server."""
