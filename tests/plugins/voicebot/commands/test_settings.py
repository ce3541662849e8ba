"""`/voicebot settings`: seen and changed by admins, in the server's own file, never what is the operator's."""

from pathlib import Path

import pytest

from tests.plugins.voicebot.commands.host import Server, attached, playing, said


@pytest.mark.parametrize(
    ("command", "options"),
    [("show", {}), ("set", {"key": "voicebot", "value": "x"}), ("reset", {"key": "voicebot"}), ("export", {})],
)
async def test_they_are_for_those_who_may_configure(server: Server, command: str, options: dict[str, str]) -> None:
    answer = await server.type(server.ben, f"voicebot settings {command}", **options)
    assert answer == "Only people who can manage this server can do that."
    assert server.own_settings() == {}


async def test_a_setting_is_set_shown_and_reset(server: Server) -> None:
    assert "changed nothing" in await server.type(server.ann, "voicebot settings show")
    answer = await server.type(server.ann, "voicebot settings set", key="bitrate_kbps", value="90")
    assert answer == "`bitrate_kbps` is now `90`. It takes effect with the next call."
    assert server.own_settings() == {"bitrate_kbps": 90}
    assert server.bot.config.server(server.guild.id).bitrate_kbps == 90
    assert "`bitrate_kbps`: `90`" in await server.type(server.ann, "voicebot settings show")
    assert "`bitrate_kbps` is `90`" in await server.type(server.ann, "voicebot settings show", key="bitrate_kbps")
    await server.type(server.ann, "voicebot settings reset", key="bitrate_kbps")
    assert server.own_settings() == {}


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        ("bitrate_kbps", "soon", "That cannot be set, and nothing was changed."),
        ("bitrate_kbps", "[", "cannot be read as a value"),
        ("kbps", "90", "Is it one of `bitrate_kbps`?"),
        ("qqq", "90", "There is no setting `qqq`."),
        ("limits.server.minutes_per_day", "90", "Only the bot's operator can change `limits.server.minutes_per_day`."),
    ],
)
async def test_what_cannot_be_set(server: Server, key: str, value: str, answer: str) -> None:
    assert answer in await server.type(server.ann, "voicebot settings set", key=key, value=value)
    assert server.own_settings() == {}


async def test_what_is_the_operators_is_set_by_nobody_else(tmp_path: Path) -> None:
    async with playing(tmp_path, "locked: [limits]\ndefaults: {voicebot: guide}\n") as server:
        options = {"key": "limits.server.minutes_per_day", "value": "9999"}
        answer = await server.type(server.ann, "voicebot settings set", **options)
        assert "Only the bot's operator can change" in answer
        offered = await server.choices(server.ann, "voicebot settings set", "key", "limits.server")
        assert offered == []
        assert await server.choices(server.ann, "voicebot settings show", "key", "limits.server") != []


async def test_a_setting_that_names_what_is_not_there_is_set_and_said(server: Server) -> None:
    answer = await server.type(server.ann, "voicebot settings set", key="text_channel", value="123456789012345678")
    assert "is now" in answer
    assert "123456789012345678" in answer.splitlines()[-1]


async def test_a_file_goes_out_and_comes_back(server: Server) -> None:
    await server.type(server.ann, "voicebot settings set", key="bitrate_kbps", value="90")
    result = await server.ann.slash(server.text, "voicebot settings export")
    _, exported = await attached(result)
    assert exported.decode().strip() == "bitrate_kbps: 90"
    await server.type(server.ann, "voicebot settings reset", key="bitrate_kbps")
    result = await server.ann.slash(server.text, "voicebot settings import", file=("settings.yaml", exported))
    assert "The settings are in place." in said(result)
    assert server.own_settings() == {"bitrate_kbps": 90}


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"voicbot: x\n", "did you mean"),
        (b"\xff\xfe", "The file is not UTF-8 text."),
        (b"#" * 40_000, "The file is larger than 32000 bytes."),
        (b"voicebot: [\n", "nothing was changed"),
    ],
)
async def test_a_file_with_a_mistake_changes_nothing(server: Server, content: bytes, answer: str) -> None:
    result = await server.ann.slash(server.text, "voicebot settings import", file=("settings.yaml", content))
    assert answer in said(result)
    assert server.own_settings() == {}
    assert str(server.bot.source.file.parent) not in said(result)
