"""From one YAML file to typed settings for the host and for every server.

Reading order, as a file is read: `source` parses it and remembers where each key stands, `model` says what there may
be, `validate` names what is wrong, `load` builds the `Config`, `config_file` owns the one in force, and `watch` waits
for changes. `edit` and `admin` are the way back, from Discord into a file; `keys` lists the settings, `diff` tells two
configs apart, `discord_ids` finds the ids in one, and `example` writes the documented file.
"""
