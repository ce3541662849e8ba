"""A call's connections to Discord's voice channel and to the voicebot's room.

Read `voice_link` first: joining, moving and leaving a voice channel. `media` is what a call asks of the media loop.
`reconnector` repairs both sides, at the pace of `repairs`; `sound_settings` takes the settings for the sound from the
config; `echo` is a call of a person with themselves.
"""
