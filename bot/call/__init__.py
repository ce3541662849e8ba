"""A call's life: its states, the provider session it pays for, who said what, and how it ends.

A call binds one Discord voice channel, one provider session and one LiveKit room. `call` is the life itself, `state`
its states, `manager` keeps all calls of the process, `closing` ends sessions, `speech` tells who spoke.
"""
