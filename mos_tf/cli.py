"""The `mos` command: finds the subcommands of whatever is installed and imports each only when it is called."""

import os
import re
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points, requires, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mos_tf.errors import MosError
from mos_tf.quiet import quiet_imports

DISTRIBUTION = "mos-tf"
GROUP = "mos_tf.commands"

# `mos --help` shows these without importing the subcommands, each of which may take seconds to load.
SUMMARIES = {
    "bench": "Compare models on a log, with intervals and prices.",
    "data": "Fetch, adapt, make, describe and convert event logs.",
    "insight": "Draw what a run learned: figures and the report.",
    "pipeline": "Train, evaluate and push a ranker with TFX.",
    "rank": "Ask a running server for one user's ranked items.",
    "serve": "Serve an exported ranker on this machine.",
}


def main() -> None:
    """Runs `mos` and exits: 0, 2 for wrong usage, or the `exit_code` of the error that stopped it."""
    # Without this, importing tensorflow_transform sets it too late or in time, depending on who comes first.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors reach us as exceptions
    try:
        typer.main.get_command(app)(prog_name="mos")
    except MosError as error:
        print(f"mos: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


class LazyCommands(TyperGroup):
    """The group whose members are the installed entry points of `mos_tf.commands`."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(entry_points(group=GROUP).names)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        found = tuple(entry_points(group=GROUP, name=cmd_name))
        return LazyCommand(found[0]) if found else None


class LazyCommand(TyperCommand):
    """Stands for a subcommand in `mos --help`; becomes the real one when its arguments are parsed."""

    def __init__(self, entry: EntryPoint) -> None:
        super().__init__(entry.name, help=SUMMARIES.get(entry.name))
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        require_extras(self._entry)
        with quiet_imports():
            command = typer.main.get_command(self._entry.load())
        return command.make_context(info_name, args, parent, **extra)


def require_extras(entry: EntryPoint) -> None:
    """Raises `MosError` with the line to run when a package of the entry point's extras is not installed."""
    for extra in entry.extras:
        missing = [name for name in packages_of(extra) if not is_installed(name)]
        if missing:
            raise MosError(
                f"`mos {entry.name}` needs packages that are not installed. Received: no {', '.join(missing)}. "
                f'Run: pip install "{DISTRIBUTION}[{extra}]"'
            )


def packages_of(extra: str) -> list[str]:
    """Returns the names of the packages that an extra of this project asks for."""
    asked = [line for line in requires(DISTRIBUTION) or [] if re.search(rf"""extra == ['"]{extra}['"]""", line)]
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in asked]


def is_installed(package: str) -> bool:
    """Returns whether a package of that name is installed."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


app = typer.Typer(
    cls=LazyCommands,
    epilog="Start with: mos data fetch complete-journey --help",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def show_version(wanted: bool) -> None:
    """Prints the version and ends the command when `--version` was given."""
    if wanted:
        typer.echo(f"mos {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def root(
    wanted: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Mixture of Sequence: from event logs to ranked answers."""
