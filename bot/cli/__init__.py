"""The `parley` command.

`main` reads the arguments, which `parser` knows, and calls one of the others: `run` is the bot itself, with its `logs`;
`plugins` (with `plugin_list`), `doctor`, `sessions`, `record` and `live` are the commands of those names. The last two
print `findings`; what keeps a bot from its `login` is told by all that need one. `exit_codes` are those of all.
"""
