"""The `parley` command.

`main` reads the arguments and calls one of the others: `run` is the bot itself, `plugins`, `doctor` and `sessions` are
the commands of those names.
"""
