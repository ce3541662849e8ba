"""The media loop: a thread with an event loop of its own in which all sound is carried, whatever the main loop does.

Read `loop` (the thread) and `ticker` (its 20 ms beat), then `session` (the sound of one call), which has an `uplink`
from people to the room, a `downlink` from the voicebot to Discord, and `barge_in` between them; `events` is what the
main loop is told.
"""
