"""What server admins and the bot's operator do from Discord: settings, plugins, who may do what."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from plugins.voicebot.commands.cooldown import MAX_COMMANDS
from sandbox.discord.model import Upload
from sandbox.stage import Place
from tests.running_bot import RunningBot
from tests.support import eventually

DICE = Path(__file__).parent / "dice"


@pytest.fixture(scope="module")
async def bot(impatient_bot: RunningBot) -> AsyncIterator[RunningBot]:
    """A bot with a plugin of its own in a folder beside its config."""
    stage = impatient_bot.stage
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
    assert refused == "Only people who can manage this server can do that."
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
    assert told == f"Only the bot's operator can change `{key}`."
    assert "Only the bot's operator" in await bot.command(place, ann, "voicebot settings reset", key=key)
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
    assert "no command to enable it again" in await bot.command(
        museum, ann, "voicebot plugins disable", name="voicebot"
    )
    assert "Only the bot's operator" in await bot.command(museum, ann, "voicebot plugins disable", name="valsea")
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
        assert "Only the bot's operator can change" in told, command
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


async def _import(bot: RunningBot, place: Place, content: bytes) -> str:
    file = Upload("voicebot.yaml", content)
    return await bot.command(place, place.people[0], "voicebot settings import", file=file)


async def test_an_import_replaces_what_an_admin_may_change_and_nothing_else(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    file = servers_file(bot, place)
    file.parent.mkdir(exist_ok=True)
    file.write_text("voicebot_name: Poet\nlimits:\n  server: {minutes_per_day: 60}\n")
    assert "The settings are in place" in await _import(bot, place, b"# mine\nsilence_limit: 90\n")
    text = file.read_text()
    assert yaml.safe_load(text) == {"silence_limit": 90, "limits": {"server": {"minutes_per_day": 60}}}
    assert "# mine" in text
    for content, told in (
        (
            b"limits: {server: {minutes_per_day: 9000}}",
            "Only the bot's operator can change `limits.server.minutes_per_day`",
        ),
        (b"silence_limit: long\n", "1: `silence_limit`: expected a number"),
        (b"plugins: {dcie: {greeting: hi}}\n", "`plugins.dcie`: unknown key; did you mean"),
        (b"a: &a [*a]", "nested too deeply"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"# " + b"x" * 32_000, "is larger than 32000 bytes"),
    ):
        assert told in await _import(bot, place, content), content[:40]
        assert file.read_text() == text
    assert "`silence_limit` is `90.0`" in await bot.command(place, ann, "voicebot settings show", key="silence_limit")


async def test_what_is_said_of_a_plugin_that_is_gone_is_the_operators(bot: RunningBot) -> None:
    """It may be a provider whose folder is back at the next start, and says who pays."""
    place = bot.place("Ann")
    bot.stage.discord.world.grant(place.guild_id, place.people[0].user_id, "manage_guild")
    file = servers_file(bot, place)
    file.parent.mkdir(exist_ok=True)
    file.write_text("plugins:\n  acme: {api_key_env: THEIR_KEY}\nvoicebot_name: Poet\n")
    await eventually(lambda: f"{file}:2" in bot.log() and "acme" in bot.log(), 10)
    assert "The settings are in place" in await _import(bot, place, b"voicebot_name: Guide\n")
    kept = {"plugins": {"acme": {"api_key_env": "THEIR_KEY"}}, "voicebot_name": "Guide"}
    assert yaml.safe_load(file.read_text()) == kept
    told = await _import(bot, place, b"plugins: {acme: {api_key_env: OTHERS_KEY}}\n")
    assert told.startswith("Only the bot's operator can change `plugins.acme.api_key_env`.")
    assert yaml.safe_load(file.read_text()) == kept


async def test_what_is_typed_is_completed(bot: RunningBot) -> None:
    """Keys that may be changed, plugins, and the server's voicebots by name."""
    place = bot.place("Ann")
    (ann,) = place.people
    discord = bot.stage.discord
    discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    await bot.command(place, ann, "voicebot settings set", key="voicebots", value="{Guide: guide-1, Poet: poet-1}")

    async def offered(command: str, option: str, typed: str) -> list[str]:
        return await discord.suggest(
            bot.account, place.guild_id, place.text_id, ann.user_id, f"voicebot {command}", option, typed
        )

    assert await offered("settings set", "key", "jitter") == ["jitter_buffer_max_ms", "jitter_buffer_ms"]
    assert await offered("settings set", "key", "minutes_per_day") == []  # `limits` is the operator's here
    assert "limits.server.minutes_per_day" in await offered("settings show", "key", "minutes_per_day")
    assert await offered("plugins enable", "name", "dic") == ["dice"]
    assert await offered("join", "voicebot", "po") == ["Poet"]
    assert await offered("join", "voicebot", "") == ["Guide", "Poet"]


async def test_a_plugin_is_switched_on_and_off_for_one_server(bot: RunningBot) -> None:
    place, other = bot.place("Ann"), bot.place("Bob")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    assert "**dice** is off from the next call on." in await bot.command(
        place, ann, "voicebot plugins disable", name="dice"
    )
    assert "⚪ **dice**" in await bot.command(place, ann, "voicebot plugins list")
    assert "🟢 **dice**" in await bot.command(other, other.people[0], "voicebot plugins list")
    assert "**dice** is on from the next call on." in await bot.command(
        place, ann, "voicebot plugins enable", name="dice"
    )
    assert "🟢 **dice**" in await bot.command(place, ann, "voicebot plugins list")
    assert yaml.safe_load(servers_file(bot, place).read_text()) == {"plugins": {"dice": {"enabled": True}}}
    session = await bot.start_call(place)
    await eventually(lambda: any("It is a six" in post["content"] for post in bot.posts(place)))
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_a_mistake_in_a_servers_file_is_that_servers_alone(bot: RunningBot) -> None:
    """In mid-run it keeps what it had; from the start on no call begins there, until an import puts it right."""
    place, other = bot.place("Ann"), bot.place("Bob")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    await bot.command(place, ann, "voicebot settings set", key="voicebot_name", value="Poet")
    file = servers_file(bot, place)
    file.write_text("voicebot_name: Guide\nsilence_limit: long\n")
    await eventually(lambda: f"server {place.guild_id} keeps its last good settings" in bot.log())
    session = await bot.start_call(place)
    assert "**Poet**" in await bot.command(place, ann, "voicebot status")
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    kept = f"server {place.guild_id} keeps its last good settings"
    file.write_text("voicebot_name: [\n")  # no YAML at all
    await eventually(lambda: bot.log().count(kept) == 2)
    assert "The settings are in place" in await _import(bot, place, b"voicebot_name: Poet\n")
    file.write_text("voicebot_name: Guide\nsilence_limit: long\n")
    await eventually(lambda: bot.log().count(kept) == 3)
    assert await bot.process.stop() == 0
    await bot.process.run()
    assert f"server {place.guild_id} cannot start calls" in bot.log()
    assert "settings file has a mistake, so no call can start" in await bot.command(place, ann, "voicebot join")
    shown = await bot.command(place, ann, "voicebot settings show")
    assert "2: `silence_limit`: expected a number" in shown
    assert str(file.parent) not in shown
    session = await bot.start_call(other)
    await bot.command(other, other.people[0], "voicebot leave")
    await bot.expect_end(other, session, "someone sent the bot away")
    assert "The settings are in place" in await _import(bot, place, b"voicebot_name: Guide\n")
    await ann.leave()
    session = await bot.start_call(place)
    assert "**Guide**" in await bot.command(place, ann, "voicebot status")
    await bot.command(place, ann, "voicebot leave")
    await eventually(lambda: not bot.bills(session))


async def test_what_the_operator_has_set_for_a_server_is_shown_to_it(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    config = yaml.safe_load(bot.process.config_file.read_text())
    config.setdefault("servers", {})[place.guild_id] = {"silence_limit": 77}
    bot.process.config_file.write_text(yaml.safe_dump(config))
    await eventually(lambda: f"config: servers.{place.guild_id}" in bot.log())
    await bot.command(place, ann, "voicebot settings set", key="voicebot_name", value="Poet")
    shown = await bot.command(place, ann, "voicebot settings show")
    assert shown.splitlines() == [
        "This server's own settings:",
        "`voicebot_name`: `Poet`",
        "Set for this server by the bot's operator:",
        "`silence_limit`: `77.0`",
    ]


async def test_who_asks_again_and_again_has_to_wait(bot: RunningBot) -> None:
    """Each call costs a minute at least."""
    place = bot.place("Ann", "Bob")
    ann, bob = place.people
    for _ in range(MAX_COMMANDS):
        assert "Join a voice channel first" in await bot.command(place, ann, "voicebot join")
    assert "Not so fast: try again in " in await bot.command(place, ann, "voicebot join")
    assert "Join a voice channel first" in await bot.command(place, bob, "voicebot join")


async def test_a_channel_and_a_role_that_are_not_there_are_told_of_at_once(bot: RunningBot) -> None:
    place = bot.place("Ann")
    (ann,) = place.people
    bot.stage.discord.world.grant(place.guild_id, ann.user_id, "manage_guild")
    told = await bot.command(place, ann, "voicebot settings set", key="text_channel", value="12345678901234567")
    assert "`text_channel` names the channel 12345678901234567, which is not on this server" in told
    await bot.command(place, ann, "voicebot settings set", key="access.stop", value=f"[{place.guild_id}, 77]")
    assert (
        f"config: server {place.guild_id}: `access.stop` names the role 77, which is not on this server." in bot.log()
    )
    told = await bot.command(place, ann, "voicebot doctor")
    assert "❌ `access.stop` names the role 77" in told
    assert "❌ `text_channel` names the channel" in told
    told = await bot.command(place, ann, "voicebot settings set", key="text_channel", value=str(place.text_id))
    assert "not on this server" not in told
