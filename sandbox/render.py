"""A text channel as a person sees it, in a terminal: names, lines, embeds with fields, pictures in half blocks."""

import io
import re
import textwrap
from collections.abc import Callable
from typing import Any

from PIL import Image

Json = dict[str, Any]
WIDTH = 76
PICTURE_WIDTH = 44  # characters


def channel(
    title: str,
    messages: list[Json],
    *,
    names: Callable[[str, int], str],
    fetch: Callable[[str], bytes | None],
    colour: bool,
) -> str:
    """The whole channel. `names` resolves ("user" | "channel", id); `fetch` is Discord's media proxy."""
    lines = [f"# {title} ".ljust(WIDTH, "─")]
    for message in messages:
        author = message["author"]
        name = author.get("global_name") or author["username"]
        lines.append("")
        lines.append(_paint(f"{name}{' [APP]' if author.get('bot') else ''}", "1", colour))
        lines += _wrapped(_text(message["content"], names, colour), "  ")
        for embed in message["embeds"]:
            lines += _embed(embed, names, fetch, colour)
    return "\n".join([*lines, "─" * WIDTH])


def _embed(
    embed: Json, names: Callable[[str, int], str], fetch: Callable[[str], bytes | None], colour: bool
) -> list[str]:
    body: list[str] = []
    if embed.get("author"):
        body.append(_paint(embed["author"]["name"], "1;34", colour))
    if embed.get("title"):
        body.append(_paint(embed["title"], "1", colour))
    body += _wrapped(_text(embed.get("description") or "", names, colour), "")
    for item in embed.get("fields", ()):
        body += _wrapped(f"{item['name']}: {_text(item['value'], names, colour)}", "")
    if embed.get("image"):
        body += _picture(embed["image"]["url"], fetch, colour)
    return [f"  ▌ {line}" for line in body]


def _picture(url: str, fetch: Callable[[str], bytes | None], colour: bool) -> list[str]:
    content = fetch(url)
    if content is None:
        return [f"[picture that cannot be loaded: {url}]"]
    image = Image.open(io.BytesIO(content))
    caption = f"[picture, {image.format} {image.width}×{image.height}, {len(content)} bytes]"
    return [*(_half_blocks(image) if colour else ()), caption]


def _half_blocks(image: Image.Image) -> list[str]:
    """Two pixels per character: the upper as the foreground of `▀`, the lower as its background."""
    height = max(2, round(PICTURE_WIDTH * image.height / image.width / 2) * 2)
    small = image.convert("RGB").resize((PICTURE_WIDTH, height))
    pixels = [[small.getpixel((x, y)) for x in range(PICTURE_WIDTH)] for y in range(height)]
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        cells = (f"\x1b[38;2;{_rgb(top)}m\x1b[48;2;{_rgb(bottom)}m▀" for top, bottom in zip(upper, lower, strict=True))
        lines.append("".join(cells) + "\x1b[0m")
    return lines


def _rgb(pixel: Any) -> str:
    return ";".join(map(str, pixel))


def _text(content: str, names: Callable[[str, int], str], colour: bool) -> str:
    content = re.sub(r"<@!?(\d+)>", lambda m: "@" + names("user", int(m[1])), content)
    content = re.sub(r"<#(\d+)>", lambda m: "#" + names("channel", int(m[1])), content)
    content = re.sub(r"\*\*(.+?)\*\*", lambda m: _paint(m[1], "1", colour), content)
    content = re.sub(r"(?<!\\)\*(.+?)(?<!\\)\*", lambda m: _paint(m[1], "3", colour), content)
    return re.sub(r"\\([^\w\s])", r"\1", content)


def _wrapped(content: str, indent: str) -> list[str]:
    return [
        line
        for paragraph in content.split("\n")
        if paragraph
        for line in textwrap.wrap(paragraph, WIDTH - 4, initial_indent=indent, subsequent_indent=indent)
    ]


def _paint(content: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{content}\x1b[0m" if colour else content
