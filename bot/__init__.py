"""Parley: a voicebot that sits in a Discord voice channel.

Sound flows `voice` → `media` (with the arithmetic of `bridge`) → `room`, and back. `call` is one conversation around
it, `provider` what a voicebot's host must offer, `billing` and `watchdog` what keeps its sessions from being billed for
longer. `plugin_host` runs plugins, which import `api` alone; `commands` and `access` are what they and the core share
of Discord, `config` is every server's settings, `cli` the `parley` command, `testing` what plugin authors test with.

`app` puts one process together, with `billing_services` and `plugin_reload`. Used everywhere: `errors` and
`discord_errors`, `language`, `text`, `names`, `clock`, `cancellation`, `task_failures`; and what meets the outside:
`network` (with `http_library`), `public_address`, `secret`, `logins`. The flight recorder, `recorder`, is told of all
that crosses the wires in a call; the live check, `live`, makes one on the real services and holds it against what the
code assumes.
"""

__version__ = "0.1.0"
