"""What a machine must offer before anything is installed on it."""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

DISK = 6_000_000_000
WHEELS_NEED_GLIBC = (2, 39)


class UnfitError(Exception):
    """This machine lacks something; the message is one line that says what and what to do."""


def check(directory: Path) -> None:
    """Raises `UnfitError` unless `directory` is a place to install to."""
    system = f"{platform.system()} {platform.machine()}"
    if system != "Linux x86_64":
        raise UnfitError(f"TFX is published for x86-64 Linux only. Received: {system}. Use such a machine.")
    glibc()
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise UnfitError(
            f"this Python comes without venv. Install it (Debian, Ubuntu: apt install python{version}-venv)."
        )
    free = shutil.disk_usage(directory).free
    if free < DISK:
        raise UnfitError(
            f"{DISK / 1e9:.0f} GB of free disk are needed. Received: {free / 1e9:.1f} GB. Free some of it."
        )


def glibc() -> tuple[int, int]:
    """Returns the version of the GNU C library; raises `UnfitError` where there is another one."""
    try:
        _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        major, minor = version.split(".")[:2]
        return int(major), int(minor)
    except ValueError:
        raise UnfitError(
            "TFX is published for Linux with glibc only (not musl, as in Alpine). Use such a machine."
        ) from None
