"""`make strangers`: sets each library up in an environment of its own, and prints what it did on our Discord."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from sandbox.discord.server import Discord
from sandbox.libopus import find_opus, load_opus
from sandbox.people.person import Person

#: By package: what is imported of it, and its version that is known to be installable.
LIBRARIES = {"disnake[voice]==2.12.2": "disnake", "py-cord[voice]==2.8.1": "discord"}
EXPECTED = ("ready", "wrote", "edited", "read", "joined voice", "spoke", "left voice", "answered")
FOLDER = Path(".strangers")
TIMEOUT = 60.0  # seconds


def main() -> int:
    """0 when each did everything."""
    load_opus()
    failed = 0
    print("| library | " + " | ".join(EXPECTED) + " | heard by a person |")
    print("|---" * (len(EXPECTED) + 2) + "|")
    for package, module in LIBRARIES.items():
        python = _environment(package)
        did, heard, trouble = asyncio.run(_try(python, module))
        marks = ["yes" if what in did else "no" for what in EXPECTED]
        print(f"| {package} | " + " | ".join(marks) + f" | {heard} frames |", flush=True)
        if trouble:
            print(trouble, file=sys.stderr)
        failed += "no" in marks or heard < 50
    return int(failed > 0)


def _environment(package: str) -> str:
    """The Python of a library's own environment, made if it is not there."""
    folder = FOLDER / package.replace("[voice]", "")
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
    return str(python.absolute())


async def _try(python: str, module: str) -> tuple[set[str], int, str]:
    """What it did, how many frames of it somebody heard, and what went wrong."""
    discord = Discord()
    await discord.start()
    account = discord.world.create_bot("Stranger")
    ann = Person(discord, discord.world.create_user("Ann"))
    guild_id = discord.world.create_guild("Strangers", account, members=(ann.user_id,))
    text_id = discord.world.create_text_channel(guild_id, "talk")
    voice_id = discord.world.create_voice_channel(guild_id, "Lounge")
    await ann.join(guild_id, voice_id)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        authority = Path(folder, "ca.pem")
        await asyncio.to_thread(authority.write_bytes, discord.ca_pem)
        ids = {"GUILD_ID": guild_id, "TEXT_ID": text_id, "VOICE_ID": voice_id, "SANDBOX_PORT": discord.port}
        environment = {**os.environ, "TOKEN": account.token, "CA_FILE": str(authority), "LIBOPUS": find_opus()}
        process = await asyncio.create_subprocess_exec(
            python,
            str(Path(__file__).with_name("client.py")),
            module,
            stdout=output.fileno(),
            stderr=output.fileno(),
            env={**environment, **{name: str(value) for name, value in ids.items()}},
        )
        asking = asyncio.create_task(_ask(discord, account, guild_id, text_id, ann.user_id))
        try:
            await asyncio.wait_for(process.wait(), TIMEOUT)
        except TimeoutError:
            process.kill()
            await process.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        output.seek(0)
        printed = output.read().splitlines()
    heard = ann.ear.frames_from(account.user_id)
    await ann.leave()
    await discord.stop()
    lines: list[dict[str, Any]] = [json.loads(line) for line in printed if line.startswith(b"{")]
    trouble = [str(line.get("why")) for line in lines if line["did"] == "failed"]
    did = {str(line["did"]) for line in lines}
    if set(EXPECTED) - did:
        trouble.append(b"\n".join(line for line in printed if not line.startswith(b"{")).decode()[-3000:])
    return did, heard, "\n".join(trouble)


async def _ask(discord: Discord, account: Any, guild_id: int, text_id: int, user_id: int) -> None:
    """Type its command, once it has registered it."""
    while discord.world.command(account, guild_id, "ping") is None:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    discord.slash(account, guild_id, text_id, user_id, "ping")


if __name__ == "__main__":
    sys.exit(main())
