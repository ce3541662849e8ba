"""From what a voicebot names to an address."""

from collections.abc import Mapping


def lookup(images: Mapping[str, str], key: str) -> str | None:
    """Return a picture's URL by key: as it is, then regardless of case."""
    if key in images:
        return images[key]
    folded = key.casefold()
    return next((url for name, url in images.items() if name.casefold() == folded), None)
