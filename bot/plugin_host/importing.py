"""A plugin's code becomes a class that fits the interface, or an error that names the place."""

import contextlib
import importlib
import importlib.util
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import PydanticInvalidForJsonSchema, ValidationError

from bot import language
from bot.config.model import PluginSettings, ProviderSettings
from bot.errors import PluginError

from . import contract
from .discovery import Found
from .plugin import Plugin

PluginClass = type[Plugin[Any]]


def import_plugin(found: Found) -> PluginClass:
    """Import a plugin's package and check its class; PluginError that names the place."""
    try:
        module = importlib.import_module(found.module)
        language.add(found.folder)
    except BaseException as error:  # whatever a plugin's module does when it is imported
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # somebody has pressed Ctrl-C
        raise PluginError(f"{_where(error, found.folder)}: {_said(error)}") from error
    return check_class(module, found)


def check_class(module: ModuleType, found: Found) -> PluginClass:
    """Return the class that a module offers as `PLUGIN`; PluginError for each way in which it cannot be one."""
    where = found.folder / "__init__.py"
    plugin = getattr(module, "PLUGIN", None)
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise PluginError(f"{where}: it needs `PLUGIN = YourPlugin`, derived from bot.api.Plugin")
    name = getattr(plugin, "name", None)
    if name != found.manifest.name:
        raise PluginError(f"{where}: {plugin.__name__}.name is {name!r}, plugin.yaml says {found.manifest.name!r}")
    settings: Any = plugin.Settings
    if not (isinstance(settings, type) and issubclass(settings, PluginSettings)):
        raise PluginError(f"{where}: {plugin.__name__}.Settings must be derived from PluginSettings")
    if plugin.connect is not None and not issubclass(settings, ProviderSettings):
        raise PluginError(
            f"{where}: {plugin.__name__} is a provider: its Settings must be derived from ProviderSettings"
        )
    if plugin.connect is not None and found.manifest.provider is False:
        raise PluginError(f"{where}: {plugin.__name__} is a provider, plugin.yaml says `provider: false`")
    try:
        settings()
        settings.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise PluginError(f"{where}: {settings.__name__}: a setting of a kind that no config file can hold") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise PluginError(
            f"{where}: {settings.__name__}.{key}: {first['msg']}; every setting needs a default that it would accept"
        ) from error
    except Exception as error:  # a validator of its own
        raise PluginError(f"{_where(error, found.folder)}: {settings.__name__}: {_said(error)}") from error
    for problem in contract.problems(plugin):
        raise PluginError(f"{where}: {plugin.__name__}.{problem}")
    return plugin


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _where(error: BaseException, folder: Path) -> str:
    """Return the deepest line of the plugin's own that an error came through."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(folder):
            return f"{frame.filename}:{frame.lineno}"
    return str(folder)


def forget_bytecode(folder: Path) -> None:
    """Remove a folder's compiled code. Python goes by a source file's second and size; an edit within a second would
    not be seen."""
    importlib.invalidate_caches()
    for source in folder.rglob("*.py"):
        with contextlib.suppress(OSError, NotImplementedError):
            Path(importlib.util.cache_from_source(str(source))).unlink()
