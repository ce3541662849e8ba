"""Shows the voicebot's pictures in the text channel."""

from .plugin import ImagesPlugin

PLUGIN = ImagesPlugin
