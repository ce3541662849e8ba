"""`/voicebot setup`: menus of one admin, whose choices are checked and tried out before they are kept."""

from pathlib import Path
from typing import Any

import pytest

from bot.errors import VoicebotNotFound
from tests.plugins.voicebot.commands.host import Server, playing, said

CONFIG = "defaults: {voicebots: {guide: 66f0, clown: 66f1}, voicebot: guide}\n"


async def opened(server: Server) -> Any:
    """The message with the menus."""
    result = await server.ann.slash(server.text, "voicebot setup")
    assert result.ephemeral
    assert result.response is not None
    return result.response


async def test_it_is_for_those_who_may_configure(server: Server) -> None:
    assert "Only people who can manage this server can do that." in await server.type(server.ben, "voicebot setup")


async def test_what_is_chosen_is_tried_and_kept(tmp_path: Path) -> None:
    async with playing(tmp_path, CONFIG) as server:
        menus = await opened(server)
        callers = server.guild.create_role("Callers")
        await server.ann.select(menus, ["clown"], custom_id="setup:voicebot")
        await server.ann.select(menus, [server.text], custom_id="setup:text")
        await server.ann.select(menus, [callers], custom_id="setup:roles")
        await server.ann.select(menus, [server.voice], custom_id="setup:autojoin")
        assert server.own_settings() == {}
        await server.ann.click(menus, custom_id="setup:save")
        assert server.own_settings() == {
            "voicebot": "clown",
            "text_channel": server.text.id,
            "access": {"start": [callers.id]},
            "plugins": {"autojoin": {"enabled": True, "channels": [server.voice.id]}},
        }


async def test_an_id_is_written_into_a_dialog_and_tried(tmp_path: Path) -> None:
    async with playing(tmp_path, CONFIG) as server:
        menus = await opened(server)
        server.calls.library = VoicebotNotFound("404")
        dialog = await server.ann.click(menus, custom_id="setup:id")
        assert dialog.modal is not None
        await server.ann.submit_modal(dialog, {"id": " vb_66f2 "})
        await server.ann.click(menus, custom_id="setup:save")
        assert server.own_settings() == {}
        server.calls.library = {}
        await server.ann.click(menus, custom_id="setup:save")
        assert server.own_settings() == {"voicebot": "vb_66f2"}


async def test_cancel_changes_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, CONFIG) as server:
        menus = await opened(server)
        await server.ann.select(menus, ["clown"], custom_id="setup:voicebot")
        result = await server.ann.click(menus, custom_id="setup:cancel")
        assert result.acknowledged
        assert server.own_settings() == {}


@pytest.mark.parametrize(("locked", "menu"), [("voicebot", "setup:voicebot"), ("text_channel", "setup:text")])
async def test_there_is_no_menu_for_what_is_the_operators(tmp_path: Path, locked: str, menu: str) -> None:
    async with playing(tmp_path, f"locked: [{locked}]\n{CONFIG}") as server:
        menus = await opened(server)
        there = [part["custom_id"] for row in menus.components for part in row["components"]]
        assert menu not in there
        assert "setup:save" in there


async def test_who_lost_the_permission_meanwhile_saves_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, CONFIG) as server:
        role = server.guild.create_role("Stewards")
        cyd = server.guild.add_member(server.env.create_user("Cyd"), roles=[role])
        await server.bot.change_settings(server.guild.id, {("access", "configure"): [role.id]})
        result = await cyd.slash(server.text, "voicebot setup")
        assert result.response is not None
        await cyd.select(result.response, ["clown"], custom_id="setup:voicebot")
        await server.bot.change_settings(server.guild.id, {("access", "configure"): []})
        told = said(await cyd.click(result.response, custom_id="setup:save"))
        assert "Only people who can manage this server can do that." in told
        assert "voicebot" not in server.own_settings()
