"""A plugin's test with everything real: commands with options of every kind, and what fails in them."""

from pathlib import Path

from sandbox.testing import SandboxServer
from tests.bot.testing.test_interaction import write_plugin


async def test_commands_and_what_fails_in_them(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, 'raise KeyError("x")', 'raise RuntimeError("no")')
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "plugin.yaml").write_text("name: [")  # is none of this test's business
    server = await SandboxServer.open(folder)
    try:
        assert await server.command("dice roll", "Ann", sides=20) == "Ann rolls a 20"
        assert await server.command("dice roll", "Ann", person="Ben") == "Ben rolls a 6"
        assert await server.command("dice shout", "Ann", text="Ben") == "Ben"
        ben = await server.person("Ben")
        assert await server.command("dice colour", "Ann", one="r", mode="slow") == "Red SLOW"
        assert await server.command("dice own", "Ann") == "in my own words"
        assert not [failure for failure in server.failures if "command" in failure]
        assert "Something went wrong" in await server.command("dice break", "Ann")
        assert any(failure.startswith("command failed") for failure in server.failures)
        assert any("on_voice_state_update" in failure for failure in server.failures)
        assert not [failure for failure in server.failures if "beside" in failure]
    finally:
        await server.close()
    assert ben.voice is None  # or its sockets would be found open when the last of it is forgotten
