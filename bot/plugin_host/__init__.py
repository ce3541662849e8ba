"""Plugins: what they are, and how they are told about calls without being able to harm one.

Reading order: `plugin` is what authors derive from, `protocols` what they are offered of calls, `scope` what keeps a
plugin to the servers where it is on, `manifest` what a plugin says about itself. `discovery`, `importing`, `contract`
and `catalog` find and check plugins; `host` puts them in place, `hooks` with `backlog`, `time_limit` and `tasks` tells
them about calls, `reimport` brings newer code, `providers` are the clients of those that are providers, and `template`
writes a new one.
"""
