"""The media loop: a thread with an event loop of its own in which all sound is carried, whatever the main loop does.

Read `loop` (the thread) and `ticker` (its 20 ms beat), then `session` (the sound of one call), which has an `uplink`
from people to the room, a `downlink` from the voicebot to Discord, and `barge_in` between them; `events` is what the
main loop is told.

`settings` is what a server tunes, `consent` who may be heard, `undecryptable` who is not and should be; `counters`
count and `report` is what they say. `tap` copies the sound for a plugin; `echo` and `prompt` stand in the place of a
room.
"""
