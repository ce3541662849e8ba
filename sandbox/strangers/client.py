"""A small bot on a library that looks like discord.py: disnake or py-cord. Runs in that library's own environment.

Told by its environment where Discord is; prints a line of JSON for each thing it has done.
"""

import array
import asyncio
import importlib
import json
import logging
import math
import os
import ssl
import sys
import traceback
from typing import Any

import aiohttp

library: Any = importlib.import_module(sys.argv[1])
FRAMES, SAMPLES = 75, 960


class Everywhere(aiohttp.abc.AbstractResolver):
    """Every host is the sandbox."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        """To its port on this machine."""
        own = {"host": "127.0.0.1", "port": int(os.environ["SANDBOX_PORT"])}
        return [{"hostname": host, "family": 2, "proto": 0, "flags": 0, **own}]

    async def close(self) -> None:
        """Nothing to close."""


class Tone(library.AudioSource):  # type: ignore[misc]
    """A second and a half of a tone, stereo."""

    def __init__(self) -> None:
        self.left = FRAMES

    def read(self) -> bytes:
        """20 ms, or nothing at the end."""
        self.left -= 1
        if self.left < 0:
            return b""
        wave = (round(9000 * math.sin(2 * math.pi * 440 * at / 48_000)) for at in range(SAMPLES))
        return array.array("h", (value for value in wave for _ in range(2))).tobytes()


def done(what: str, **more: Any) -> None:
    """Tell the other side."""
    print(json.dumps({"did": what, **more}), flush=True)


def make_bot(connector: aiohttp.TCPConnector) -> Any:
    """A bot with one slash command."""
    is_disnake = sys.argv[1] == "disnake"
    kind = importlib.import_module("disnake.ext.commands").InteractionBot if is_disnake else library.Bot
    bot = kind(intents=library.Intents.default(), connector=connector)

    async def ping(inter: Any) -> None:
        answer = inter.respond if hasattr(inter, "respond") else inter.response.send_message
        await answer("pong")
        done("answered")

    # disnake knows the interaction's parameter by its type.
    ping.__annotations__["inter"] = library.ApplicationCommandInteraction if is_disnake else library.ApplicationContext
    bot.slash_command(name="ping", description="Answers")(ping)
    return bot


async def work(bot: Any) -> None:
    """What bots do: write, show, edit, speak."""
    await bot.wait_until_ready()
    done("ready")
    text = bot.get_channel(int(os.environ["TEXT_ID"]))
    message = await text.send("hello", embed=library.Embed(title="An embed", description="of a stranger"))
    done("wrote")
    await message.edit(content="hello again")
    done("edited")
    fetched = [found async for found in text.history(limit=5)]
    done("read", messages=len(fetched))
    if not library.opus.is_loaded():
        library.opus.load_opus(os.environ["LIBOPUS"])
    voice = await bot.get_channel(int(os.environ["VOICE_ID"])).connect(timeout=20)
    done("joined voice")
    await asyncio.sleep(2)
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    voice.play(Tone(), after=lambda _: loop.call_soon_threadsafe(ended.set))
    await asyncio.wait_for(ended.wait(), 15)
    done("spoke")
    await voice.disconnect()
    done("left voice")


async def main() -> None:
    """Until everything is done, or something has gone wrong."""
    context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    bot = make_bot(aiohttp.TCPConnector(resolver=Everywhere(), ssl=context))
    running = asyncio.create_task(bot.start(os.environ["TOKEN"]))
    working = asyncio.create_task(work(bot))
    await asyncio.wait({running, working}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, running):
        if task.done() and task.exception() is not None:
            done("failed", why="".join(traceback.format_exception(task.exception()))[-1500:])
    await asyncio.sleep(1)  # for the command's answer
    await bot.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


logging.basicConfig(level=logging.INFO)
asyncio.run(main())
