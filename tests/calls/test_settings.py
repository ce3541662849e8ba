"""What server admins and the bot's operator do from Discord: settings, plugins, who may do what."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from sandbox.stage import Place
from tests.support import RunningBot, eventually

DICE = Path(__file__).parent / "dice"


@pytest.fixture(scope="module")
async def bot(hasty: RunningBot) -> AsyncIterator[RunningBot]:
    """A bot with a plugin of its own in a folder beside its config."""
    stage = hasty.stage
    folder = stage.folder / "settings" / "own plugins"
    shutil.copytree(DICE, folder / "dice", ignore=shutil.ignore_patterns("__pycache__"))
    account = stage.account()
    key = stage.valsea.create_key("test")
    process = stage.bot(account, key, development=False, folder="settings")
    config = {**stage.config(), "plugin_folders": [folder.name], "locked": ["limits", "plugins.images"]}
    await process.start(config)
    bot = RunningBot(stage, account, key, process)
    yield bot
    await process.stop()


def servers_file(bot: RunningBot, place: Place) -> Path:
    return bot.process.config_file.parent / "servers" / f"{place.guild_id}.yaml"


async def test_an_admin_changes_a_setting_and_nobody_else_does(bot: RunningBot) -> None:
    place = bot.place("Ann", "Bob")
    ann, bob = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    refused = await bot.command(place, bob, "voicebot settings set", key="voicebot_name", value="Poet")
    assert refused == "Only who may manage this server can do that."
    told = await bot.command(place, ann, "voicebot settings set", key="voicebot_name", value="The Guide")
    assert told == "`voicebot_name` is now `The Guide`. It takes effect with the next call."
    assert yaml.safe_load(servers_file(bot, place).read_text()) == {"voicebot_name": "The Guide"}
    assert "voicebot_name`: `The Guide" in await bot.command(place, ann, "voicebot settings show")
    session = await bot.start_call(place)
    assert "**The Guide**" in await bot.command(place, ann, "voicebot status")
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert "is `null` again" in await bot.command(place, ann, "voicebot settings reset", key="voicebot_name")
    assert "This server has changed nothing" in await bot.command(place, ann, "voicebot settings show")


async def test_a_wrong_value_changes_nothing_and_says_what_was_expected(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    told = await bot.command(place, ann, "voicebot settings set", key="bitrate_kbps", value="loud")
    assert "nothing was changed" in told
    assert "`bitrate_kbps`: expected a whole number" in told
    assert str(bot.process.config_file.parent) not in told  # the host's paths are nobody's business
    assert not servers_file(bot, place).exists()
    assert "There is no setting `bitrate`" in await bot.command(
        place, ann, "voicebot settings set", key="bitrate", value="64"
    )
    assert "Is it one of `bitrate_kbps`" in await bot.command(place, ann, "voicebot settings show", key="bitrate")


async def test_a_value_that_stands_for_millions_is_refused_at_once(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    rows = ["&a0 [x,x,x,x,x,x,x,x]", *(f"&a{n} [{','.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 7))]
    for value in (f"[{','.join(rows)}]", "&a [*a]"):
        told = await bot.command(place, ann, "voicebot settings set", key="voicebot_name", value=value)
        assert "cannot be read as a value" in told
    assert not servers_file(bot, place).exists()


async def test_mistakes_and_settings_are_told_in_the_language_of_who_asks(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")

    async def told(locale: str, command: str, **options: str) -> str:
        return await bot.command(place, ann, f"voicebot settings {command}", locale=locale, **options)

    assert "erwartet wird mindestens 16, da steht 3" in await told("de", "set", key="bitrate_kbps", value="3")
    assert "cần một trong số: 'anyone', 'starter', 'nobody'" in await told("vi", "set", key="interrupt", value="x")
    assert "Der Stimme des Voicebots in Discord." in await told("de", "show", key="bitrate_kbps")
    assert not servers_file(bot, place).exists()


@pytest.mark.parametrize(
    "key", ["provider", "plugins.valsea.base_url", "plugins.valsea.api_key_env", "limits.time_zone"]
)
async def test_what_is_the_operators_is_not_an_admins_to_change(bot: RunningBot, key: str) -> None:
    """Where the key is sent, above all: an address of one's own would be a way to read it."""
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    told = await bot.command(place, ann, "voicebot settings set", key=key, value="https://elsewhere.example")
    assert told == f"`{key}` can be changed by the bot's operator only."
    assert "operator only" in await bot.command(place, ann, "voicebot settings reset", key=key)
    assert not servers_file(bot, place).exists()


async def test_two_servers_with_different_plugins(bot: RunningBot) -> None:
    """What is off on one is on on the other; seen in what the channels read."""
    museum, school = bot.place("Ann"), bot.place("Bob")
    ann, bob = museum.people[0], school.people[0]
    bot.stage.discord.world.grant(museum.guild_id, ann.user_id, "manage_guild")
    assert "🟢 **dice**" in await bot.command(museum, ann, "voicebot plugins list")
    assert "is off from the next call on" in await bot.command(museum, ann, "voicebot plugins disable", name="dice")
    assert "⚪ **dice**" in await bot.command(museum, ann, "voicebot plugins list")
    for place, person in ((museum, ann), (school, bob)):
        session = await bot.start_call(place)
        await bot.command(place, person, "voicebot leave")
        await bot.expect_end(place, session, "someone sent the bot away")
    await eventually(lambda: any("six" in post["content"] for post in bot.posts(school)))
    assert not any("six" in post["content"] for post in bot.posts(museum))
    assert "no command to switch it on again" in await bot.command(
        museum, ann, "voicebot plugins disable", name="voicebot"
    )
    assert "operator only" in await bot.command(museum, ann, "voicebot plugins disable", name="valsea")
    info = await bot.command(museum, ann, "voicebot plugins info", name="dice")
    assert "**dice** 1.0.0: Rolls dice" in info
    assert "Keeps: Nothing." in info


async def test_what_is_locked_is_so_by_every_way(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    for command, more in (
        ("voicebot settings set", {"key": "limits.server.minutes_per_day", "value": "9000"}),
        ("voicebot plugins disable", {"name": "images"}),
        ("voicebot plugins enable", {"name": "images"}),
    ):
        told = await bot.command(place, ann, command, **more)
        assert "can be changed by the bot's operator only" in told, command
    assert not servers_file(bot, place).exists()


async def test_only_the_operator_reloads(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    assert "Only the bot's operator" in await bot.command(place, ann, "voicebot plugins reload", name="dice")


async def test_roles_say_who_may_start_and_stop(bot: RunningBot) -> None:
    place = bot.place("Ann", "Bob", "Cyd")
    ann, bob, cyd = place.people
    world = bot.stage.discord.world
    world.grant(place.guild_id, ann.user_id, "manage_guild")
    role = world.grant(place.guild_id, bob.user_id, "send_messages")
    await bot.command(place, ann, "voicebot settings set", key="access.start", value=f"[{role}]")
    await bot.command(place, ann, "voicebot settings set", key="access.stop", value=f"[{role}]")
    for person in place.people:
        await person.join(place.guild_id, place.voice_id)
    assert await bot.command(place, cyd, "voicebot join") == f"Only <@&{role}> may start calls here."
    place.people[:] = [bob, ann, cyd]
    session = await bot.start_call(place)
    assert "may end this call" in await bot.command(place, cyd, "voicebot leave")
    assert bot.bills(session)
    await bot.command(place, bob, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_an_export_has_what_an_admin_may_change(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    discord = bot.stage.discord
    discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    file = servers_file(bot, place)
    file.parent.mkdir(exist_ok=True)
    file.write_text("# ours\nvoicebot_name: Poet\nlimits:\n  server: {minutes_per_day: 60}\n")
    asked = discord.slash(bot.account, place.guild_id, place.text_id, ann.user_id, "voicebot settings export")
    (answer,) = await discord.answer(asked)
    (attached,) = answer["attachments"]
    content = discord.world.attachment(urlsplit(attached["url"]).path)
    assert content is not None
    assert content.decode() == "# ours\nvoicebot_name: Poet\n"
