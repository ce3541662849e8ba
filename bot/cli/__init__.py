"""The `parley` command.

`main` reads the arguments, which `parser` knows, and calls one of the others: `run` is the bot itself, with its `logs`;
`plugins` (with `plugin_list`), `doctor`, `sessions` and `record` are the commands of those names. `exit_codes` are
those of all.
"""
