"""A call's life: its states, its two connections, who said what, and how it ends.

A call binds one Discord voice channel, one provider session and one LiveKit room. Read `call` first, which is the life
itself, then `state` and `events`. `request` is what a call is started with, `services` are the parts of the process
that it uses, and `manager` keeps all calls of the process, and the `echo_tests` beside them. `guards` (with
`deadlines`, `hearing` and `supervision`) end a call that should not go on, `conversation` (with `speaker_attribution`,
`catch_up` and `missed`) is what is said, `turns` how quickly it is answered, and `connection` holds the two sides of
the call together.

Who comes and goes is seen by `occupancy`, which tells the call how many are there (`on_occupancy`); `presence` decides
when Discord's gateway and its voice server disagree, `participants` knows who speaks, and `moves` where the call may
go. `inbox` is the call's queue, `last_room` an address for `parley doctor`, and `flight_records` what is kept of a call
for finding faults.
"""
