"""Other people's bots on our Discord: unmodified libraries that were written for the real one, each in an environment
of its own. What they cannot do here is a fault of the sandbox, and one that our own bot may be hiding.

`make strangers` sets them up, which needs the package registry, and prints what each of them did.
"""
