"""What a committed result says of where it comes from."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def made_by() -> dict[str, str | int | None]:
    """Returns what computes here: the commit and the machine."""
    return {"commit": commit(), **machine()}


def machine() -> dict[str, str | int | None]:
    """Returns the processor, its cores and the memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory / 1e9)}


def versions(*packages: str) -> dict[str, str]:
    """Returns the versions of Python and of installed packages."""
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def commit() -> str | None:
    """Returns the commit that this package is of, with a + where its working tree holds more; None if it is of none."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # else it was installed into another's working tree
        return _git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+")
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def code() -> str:
    """Returns 16 hex digits that tell this package's sources from all others, committed or not."""
    told = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        told.update(f"{path.relative_to(_PACKAGE)}\0".encode() + path.read_bytes())
    return told.hexdigest()[:16]


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    return run.stdout.strip()
