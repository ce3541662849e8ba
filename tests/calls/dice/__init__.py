"""A plugin as somebody else would write it: says a number when a call begins."""

from bot.api import Call, Plugin, PluginSettings


class DicePlugin(Plugin[PluginSettings]):
    """One roll per call."""

    name = "dice"

    async def on_call_started(self, call: Call) -> None:
        channel = self.host.get_channel(call.text_channel_id)
        if channel is not None:
            await channel.send("It is a six.")


PLUGIN = DicePlugin
