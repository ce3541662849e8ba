"""The media loop: a thread with an event loop of its own in which all sound is carried, whatever the main loop does.

`loop` is the thread, `ticker` its 20 ms beat, `session` the sound of one call; `events` is what the main loop hears.
"""
