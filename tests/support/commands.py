"""A subcommand for the tests of the command line's root: each command ends in another way."""

import os

import typer

from mos_tf.errors import DataError, GateError

os.write(2, b"chatter of a native library\n")

app = typer.Typer(help="Commands that end in different ways.")


@app.command()
def succeed() -> None:
    print("it worked")


@app.command()
def bad_data() -> None:
    raise DataError("Timestamps are integers. Received: 'soon'. Give unix seconds.")


@app.command()
def gate() -> None:
    raise GateError("gauc of slice overall is 0.5, below 0.6")


@app.command()
def interrupted() -> None:
    raise KeyboardInterrupt


@app.command()
def bug() -> None:
    raise RuntimeError("nobody expected this")
