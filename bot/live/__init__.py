"""The live check: one short, billed call on the real services, which shows what they do and what it sounds like.

`check` makes the call; a `second_bot` in the same channel asks it the recorded question of `speech` and listens, and
`packet_times` tell how long their sound takes. Everything that is seen goes through `live_recorder` into a flight
record, what was `measured` too, and `contract` judges that beside the assumptions of `bot.recorder.contract`.
"""
