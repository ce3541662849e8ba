"""A call's life: its states, its two connections, who said what, and how it ends.

A call binds one Discord voice channel, one provider session and one LiveKit room. Read `call` first, which is the life
itself, then `state` and `events`. `request` is what a call is started with, and `manager` keeps all calls of the
process. `guards` (with `deadlines` and `hearing`) end a call that should not go on, `conversation` (with `speech`,
`catch_up` and `missed`) is what is said, `presence` and `last_room` remember who and what was there, and `connection`
holds the two sides of the call together.
"""
