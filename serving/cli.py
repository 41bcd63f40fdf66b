"""`mos serve` and `mos rank`: a server on this machine, and a question to any server."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mos_tf.errors import MosError
from mos_tf.quiet import quiet_imports

PROMOTED = "promoted"

app = typer.Typer(no_args_is_help=True, add_completion=False)
rank = typer.Typer(add_completion=False)


def _seconds(value: str) -> int:
    """Reads a time as the configuration files do; a ValueError is shown as wrong usage."""
    from pydantic import TypeAdapter

    from mos_tf.datasets.config import UtcSeconds

    return TypeAdapter(UtcSeconds).validate_python(value)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MosError(f"--from takes {PROMOTED!r} or a file of item ids. Received: {path}, not readable") from error
    return [line.strip() for line in lines if line.strip()]


@app.callback()
def serve() -> None:
    """Serve an exported ranker on this machine."""


@app.command()
def run(
    path: Annotated[Path, typer.Argument(help="Model directory: one SavedModel a version, named by a number.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8500,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default this machine alone can ask.")
    ] = "127.0.0.1",
    name: Annotated[str, typer.Option(help="What clients call the model.")] = "ranker",
) -> None:
    """Serve the newest version over gRPC until stopped, for demos and tests. Production uses tensorflow_model_server.

    Example: mos serve run build/demo/serving --port 8500
    """
    with quiet_imports():
        from serving.local_server import LocalServer, stop_event

    # TensorFlow's advice on how to load a model is meant for programmers.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with LocalServer(path, name=name, host=host, port=port) as server:
        stop = stop_event()
        typer.echo(f"ready: {name}, version {server.version}, at {server.address}; stop with Ctrl-C")
        stop.wait()
    typer.echo("stopped")


@rank.command()
def rank_items(
    user: Annotated[str, typer.Option(help="Whose items to rank: a user id of the events.")],
    top: Annotated[int, typer.Option(min=1, help="How many to show.")] = 10,
    candidates: Annotated[
        str, typer.Option("--from", help="promoted: the list shown to the user last; or a file, an item id a line.")
    ] = PROMOTED,
    at: Annotated[
        int | None, typer.Option(parser=_seconds, help="When, as UTC date or time; default: after the last event.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Data directory: events, items, exposures.")] = Path("build/demo/data"),
    model: Annotated[
        Path, typer.Option(help="Model directory, read to build the request as the model knows it.")
    ] = Path("build/demo/serving"),
    themes: Annotated[Path | None, typer.Option(help="themes.json of the run, to name the themes.")] = None,
    server: Annotated[str, typer.Option(help="host:port of the server.")] = "127.0.0.1:8500",
    name: Annotated[str, typer.Option(help="The model's name on the server.")] = "ranker",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the answer to this file.")] = None,
) -> None:
    """Ask a running server which items to show a user, and why: scores, and the theme each item was routed to.

    Example: mos rank --user 1228 --top 10
    """
    with quiet_imports():
        from serving.answer import as_table, category_feature, ranked_items
        from serving.client import RankingClient
        from serving.manifest import Manifest
        from serving.question import Question
        from serving.theme_names import ThemeNames

    manifest = Manifest.of_newest(model)
    if manifest.requests is None:
        raise MosError(
            f"mos rank builds requests as training did. Received: a model in {model} that does not say how; "
            "export it with request_config"
        )
    beside = model.parent / "results" / "themes.json"  # where a pipeline run leaves it
    names = ThemeNames.load(themes or beside) if themes or beside.exists() else None
    with Console(stderr=True).status("building the request"):
        question = Question.build(
            data,
            user,
            spec=manifest.spec,
            config=manifest.requests,
            item_ids=None if candidates == PROMOTED else _lines(Path(candidates)),
            time=at,
        )
    with RankingClient(server, manifest.spec, model=name, timeout=30) as client:
        ranking = client.rank([question.request], explain=True)[0]
    items = ranked_items(question, ranking, manifest.spec, top, names)
    request = question.request
    console = Console()
    console.print(as_table(items, category_feature(manifest.spec)), width=min(console.width, 120))
    console.print(
        f"best {len(items)} of {request.num_candidates:,} candidates, by {request.num_events:,} events of history; "
        f"model version {ranking.version}",
        highlight=False,
    )
    if json_file is not None:
        products = [asdict(item) for item in items]
        answer = {"user": user, "time": request.request_time, "version": ranking.version, "products": products}
        json_file.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
