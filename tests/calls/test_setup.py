"""`/voicebot setup` on the wire: chosen from menus, checked, tried out, and in force for the next call."""

from typing import Any

import yaml

from sandbox.people.person import Person
from sandbox.stage import Place
from sandbox.valsea.server import VOICEBOT_ID
from tests.running_bot import RunningBot
from tests.support import eventually

Json = dict[str, Any]


class Menus:
    """The message with the menus, as its admin uses it."""

    def __init__(self, bot: RunningBot, place: Place, by: Person) -> None:
        self.bot, self.place, self.by = bot, place, by
        self.message: Json = {}

    async def open(self) -> "Menus":
        discord = self.bot.stage.discord
        asked = discord.slash(
            self.bot.account, self.place.guild_id, self.place.text_id, self.by.user_id, "voicebot setup"
        )
        (self.message,) = await discord.answer(asked)
        return self

    async def use(self, custom_id: str, *values: int | str) -> int:
        chosen = tuple(str(value) for value in values) if values or "save" not in custom_id else None
        where = (self.bot.account, self.place.guild_id, self.place.text_id, self.by.user_id, int(self.message["id"]))
        buttons = ("setup:save", "setup:id", "setup:cancel")
        used = self.bot.stage.discord.click(*where, custom_id, None if custom_id in buttons else chosen)
        await self.bot.stage.discord.answer(used)
        return used

    @property
    def text(self) -> str:
        stored = self.bot.stage.discord.world.message(self.place.text_id, int(self.message["id"]))
        return str(stored["content"])


def _own(bot: RunningBot, place: Place) -> Json:
    file = bot.process.config_file.parent / "servers" / f"{place.guild_id}.yaml"
    return dict(yaml.safe_load(file.read_text())) if file.exists() else {}


async def _bot(impatient_bot: RunningBot) -> tuple[RunningBot, Place, Menus]:
    account = impatient_bot.stage.account()
    process = impatient_bot.stage.bot(account, impatient_bot.key, folder=f"setup-{account.user_id}")
    await process.start(impatient_bot.stage.config(voicebots={"guide": VOICEBOT_ID, "clown": VOICEBOT_ID}))
    bot = RunningBot(impatient_bot.stage, account, impatient_bot.key, process)
    place = bot.place("Ann")
    impatient_bot.stage.discord.world.grant(place.guild_id, place.people[0].user_id, "manage_guild")
    return bot, place, await Menus(bot, place, place.people[0]).open()


async def test_everything_is_chosen_tried_and_kept(impatient_bot: RunningBot) -> None:
    bot, place, menus = await _bot(impatient_bot)
    assert "Choose what you want to change" in menus.text
    await menus.use("setup:voicebot", "clown")
    await menus.use("setup:text", place.text_id)
    await menus.use("setup:autojoin", place.voice_id)
    assert "Voicebot: clown" in menus.text
    assert f"The transcript and pictures go to <#{place.text_id}>" in menus.text
    assert _own(bot, place) == {}
    await menus.use("setup:save")
    await eventually(lambda: "Saved, for the next call" in menus.text, what=menus.text)
    assert _own(bot, place) == {
        "voicebot": "clown",
        "text_channel": place.text_id,
        "plugins": {"autojoin": {"enabled": True, "channels": [place.voice_id]}},
    }
    assert any("is setting me up" in message["content"] for message in bot.posts(place))
    assert await bot.process.stop() == 0


async def test_an_id_is_written_into_a_dialog(impatient_bot: RunningBot) -> None:
    bot, place, menus = await _bot(impatient_bot)
    shown = await menus.use("setup:id")
    await bot.stage.discord.answer(bot.stage.discord.fill_in(bot.account, shown, id=" vb_66f0 "))
    assert "Voicebot: vb\\_66f0" in menus.text
    await menus.use("setup:save")
    await eventually(lambda: "❌ Valsea knows no such voicebot" in menus.text, what=menus.text)
    assert _own(bot, place) == {}
    shown = await menus.use("setup:id")
    await bot.stage.discord.answer(bot.stage.discord.fill_in(bot.account, shown, id=f" {VOICEBOT_ID} "))
    await menus.use("setup:save")
    await eventually(lambda: "Saved, for the next call" in menus.text, what=menus.text)
    assert _own(bot, place) == {"voicebot": VOICEBOT_ID}
    assert await bot.process.stop() == 0


async def test_two_dialogs_that_are_open_at_once_do_not_get_each_others_answers(impatient_bot: RunningBot) -> None:
    """On two servers, which know nothing of each other."""
    bot, _, menus = await _bot(impatient_bot)
    other = bot.place("Bea")
    bot.stage.discord.world.grant(other.guild_id, other.people[0].user_id, "manage_guild")
    others = await Menus(bot, other, other.people[0]).open()
    await others.use("setup:text", other.text_id)
    shown, others_shown = await menus.use("setup:id"), await others.use("setup:id")
    discord = bot.stage.discord
    await discord.answer(discord.fill_in(bot.account, shown, id="anns"))
    assert "Voicebot: anns" in menus.text
    assert str(other.text_id) not in menus.text
    assert "anns" not in others.text
    await discord.answer(discord.fill_in(bot.account, others_shown, id="beas"))
    assert "Voicebot: beas" in others.text
    assert await bot.process.stop() == 0


async def test_what_would_not_work_is_named_and_not_kept(impatient_bot: RunningBot) -> None:
    bot, place, menus = await _bot(impatient_bot)
    bot.stage.discord.world.deny(place.text_id, bot.account.user_id, "send_messages")
    bot.stage.discord.world.deny(place.voice_id, bot.account.user_id, "speak")
    await menus.use("setup:voicebot", "guide")
    await menus.use("setup:text", place.text_id)
    await menus.use("setup:autojoin", place.voice_id)
    await menus.use("setup:save")
    await eventually(lambda: "Nothing is saved yet" in menus.text, what=menus.text)
    assert f"I need the permission **Send Messages**, **Embed Links** in <#{place.text_id}>." in menus.text
    assert f"I need the permission **Speak** in <#{place.voice_id}>." in menus.text
    assert _own(bot, place) == {}
    await menus.use("setup:cancel")
    assert menus.text == "Nothing was changed."
    assert await bot.process.stop() == 0


async def test_it_is_for_those_who_may_configure(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    told = await impatient_bot.command(place, place.people[0], "voicebot setup")
    assert "Only people who can manage this server can do that." in told


async def test_the_menus_show_what_is_in_force_and_keep_off_what_is_locked(impatient_bot: RunningBot) -> None:
    account = impatient_bot.stage.account()
    process = impatient_bot.stage.bot(account, impatient_bot.key, folder=f"setup-{account.user_id}")
    bot = RunningBot(impatient_bot.stage, account, impatient_bot.key, process)
    place = bot.place("Ann")
    config = impatient_bot.stage.config(voicebots={"guide": VOICEBOT_ID, "clown": VOICEBOT_ID})
    server = {"voicebot": "clown", "text_channel": place.text_id, "language": "de", "access": {"start": [1]}}
    await process.start({**config, "servers": {place.guild_id: server}, "locked": ["plugins.autojoin"]})
    impatient_bot.stage.discord.world.grant(place.guild_id, place.people[0].user_id, "manage_guild")
    menus = await Menus(bot, place, place.people[0]).open()
    rows = [item for row in menus.message["components"] for item in row["components"]]
    shown = {item["custom_id"]: item for item in rows}
    assert [option["label"] for option in shown["setup:voicebot"]["options"] if option.get("default")] == ["clown"]
    assert [int(value["id"]) for value in shown["setup:text"]["default_values"]] == [place.text_id]
    assert not shown["setup:roles"].get("default_values"), "a role that is gone cannot be shown"
    assert "setup:autojoin" not in shown
    await menus.use("setup:voicebot", "guide")
    await menus.use("setup:save")
    await eventually(lambda: "Saved, for the next call" in menus.text, what=menus.text)
    assert any("richtet mich gerade ein" in message["content"] for message in bot.posts(place)), "the server's language"
    assert await bot.process.stop() == 0
