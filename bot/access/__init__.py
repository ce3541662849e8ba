"""Who and what may take part in a call.

`roles` says who may start and end calls, `voicebots` which voicebot is meant, `permissions` what Discord lets the bot
do in a channel, `voice_channel` which channels a call can be in, and `missing_ids` which channels and roles of
the settings are not there.
"""
