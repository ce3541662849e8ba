"""The museum's six pictures, drawn when they are asked for."""

import io
from collections.abc import Callable

from PIL import Image, ImageDraw

SIZE = (640, 400)
_INK, _PAPER, _RED, _BLUE, _GREEN, _SAND = "#2b2d31", "#f4efe6", "#c0392b", "#2e86c1", "#27ae60", "#d9b38c"

Painter = Callable[[ImageDraw.ImageDraw], None]


def _opening_hours(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((220, 90, 420, 290), fill="white", outline=_INK, width=8)
    draw.line((320, 190, 320, 110), fill=_INK, width=8)
    draw.line((320, 190, 250, 190), fill=_RED, width=8)
    draw.text((250, 320), "9:00 - 18:00", fill=_INK, font_size=26)


def _floor_plan(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((80, 70, 560, 330), fill="white", outline=_INK, width=6)
    draw.line((300, 70, 300, 250), fill=_INK, width=6)
    draw.line((300, 200, 560, 200), fill=_INK, width=6)
    for place, label in (((120, 180), "Entrance"), ((350, 120), "Paintings"), ((350, 260), "Great hall")):
        draw.text(place, label, fill=_BLUE, font_size=26)


def _dinosaur(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((200, 170, 440, 290), fill=_GREEN)
    draw.polygon([(220, 220), (60, 300), (230, 260)], fill=_GREEN)
    draw.polygon([(410, 200), (520, 90), (460, 240)], fill=_GREEN)
    draw.ellipse((490, 70, 580, 120), fill=_GREEN)
    draw.ellipse((545, 84, 555, 94), fill=_INK)
    for x in (250, 370):
        draw.rectangle((x, 270, x + 30, 350), fill=_GREEN)


def _sailing_boat(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, 290, 640, 400), fill=_BLUE)
    draw.polygon([(200, 280), (440, 280), (400, 330), (240, 330)], fill=_INK)
    draw.polygon([(315, 60), (315, 270), (180, 270)], fill=_RED)
    draw.polygon([(325, 90), (325, 270), (430, 270)], fill=_RED)


def _garden_cafe(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((220, 170, 380, 310), fill="white", outline=_INK, width=6)
    draw.arc((350, 190, 450, 290), 270, 90, fill=_INK, width=10)
    draw.ellipse((170, 305, 430, 345), fill=_SAND, outline=_INK, width=4)
    for x in (260, 300, 340):
        draw.arc((x, 90, x + 30, 160), 90, 270, fill=_INK, width=4)


def _ticket_prices(draw: ImageDraw.ImageDraw) -> None:
    draw.rounded_rectangle((120, 120, 520, 290), 24, fill=_SAND, outline=_INK, width=6)
    draw.line((400, 125, 400, 285), fill=_INK, width=4)
    draw.text((160, 150), "Adults    $8", fill=_INK, font_size=30)
    draw.text((160, 215), "Children  free", fill=_INK, font_size=30)


_PAINTERS: dict[str, Painter] = {
    "opening_hours": _opening_hours,
    "floor_plan": _floor_plan,
    "dinosaur": _dinosaur,
    "sailing_boat": _sailing_boat,
    "garden_cafe": _garden_cafe,
    "ticket_prices": _ticket_prices,
}

KEYS = tuple(_PAINTERS)


def png(key: str) -> bytes:
    """A picture by its key; KeyError when there is none."""
    image = Image.new("RGB", SIZE, _PAPER)
    _PAINTERS[key](ImageDraw.Draw(image))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
