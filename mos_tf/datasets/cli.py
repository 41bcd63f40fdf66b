"""`mos data`: fetch a public data set, adapt one you have, make one, describe a log, convert it to requests."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.quiet import quiet_imports

_DEFAULTS = GeneratorConfig()

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Fetch, adapt or make data, describe logs, convert them to requests.",
)


class DataSet(StrEnum):
    """The data sets that can be fetched."""

    COMPLETE_JOURNEY = "complete-journey"


class AdaptedSet(StrEnum):
    """The data sets whose files a user brings."""

    MICROVIDEO = "microvideo1.7m-x2"
    KUAIVIDEO = "kuaivideo-x2"
    EBNERD_SMALL = "ebnerd-small-x1"
    KUAIRAND_PURE = "kuairand-pure"
    KUAIRAND_1K = "kuairand-1k"
    KUAIRAND_27K = "kuairand-27k"
    TAOBAO = "taobao-user-behavior"
    MOVIELENS_20M = "movielens-20m"
    MOVIELENS_25M = "movielens-25m"
    MOVIELENS_32M = "movielens-32m"
    COMMITS = "commits"
    EVENTS = "events"


@app.command()
def fetch(
    data_set: Annotated[DataSet, typer.Argument(help="Which data set.")],
    out: Annotated[Path | None, typer.Option(help="Data directory to write; default build/data/<data set>.")] = None,
) -> None:
    """Fetch a public data set as a data directory of events, items and exposure lists.

    Example: mos data fetch complete-journey --out build/data/complete-journey
    """
    from mos_tf.datasets.adapters import complete_journey

    console = Console()
    directory = out or Path("build/data") / data_set.value
    with console.status(f"fetching {data_set.value}"):
        fetched = complete_journey.fetch(directory)
    console.print(f"{directory}: {'written' if fetched else 'already there, unchanged'}", soft_wrap=True)


@app.command()
def adapt(
    data_set: Annotated[AdaptedSet, typer.Argument(help="Which data set; `events` is any log in the generic format.")],
    source: Annotated[Path, typer.Argument(help="The data set's own directory or file.")],
    out: Annotated[Path, typer.Option(help="Data directory to write; an earlier one there is replaced.")],
) -> None:
    """Adapt the files of a public data set that you have, and show what they hold beside what is published.

    Example: mos data adapt movielens-32m ~/ml-32m --out build/data/movielens-32m
    """
    from mos_tf.datasets.adapters import adapt as adapting

    console = Console()
    with console.status(f"reading {source}"):
        adapted = adapting.adapt(data_set.value, source, out)
    console.print(adapting.table(adapted))
    console.print(adapted.published.source, soft_wrap=True)
    console.print(f"splits: {adapted.splits.model_dump()}", soft_wrap=True)
    console.print(f"{out}: written, {adapted.bad_rows.total():,} bad rows {dict(adapted.bad_rows)}", soft_wrap=True)


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Data directory to write; an earlier made log there is replaced.")],
    users: Annotated[int, typer.Option(min=1, help="Number of users.")] = _DEFAULTS.users,
    mode: Annotated[Mode, typer.Option(help="How interests move, and whether clicks follow them.")] = _DEFAULTS.mode,
    seed: Annotated[int, typer.Option(help="Of all draws.")] = _DEFAULTS.seed,
    sessions: Annotated[
        float, typer.Option(min=1, help="Mean sessions of a user, of about six clicks each.")
    ] = _DEFAULTS.sessions_per_user,
    days: Annotated[float, typer.Option(min=1, help="Length of the log.")] = _DEFAULTS.days,
) -> None:
    """Make a click log that hops as real ones do, and keep its true themes and click probabilities.

    Example: mos data generate --out build/data/generated --users 5000 --mode hopping --seed 0
    """
    from mos_tf.datasets.generator.generate import generate as generate_log

    config = GeneratorConfig(mode=mode, users=users, seed=seed, sessions_per_user=sessions, days=days)
    console = Console()
    with Progress(console=console) as progress:
        made = generate_log(config, out, progress)
    console.print(
        f"{made.users:,} users, {made.sessions:,} sessions, {made.events:,} clicks, {made.impressions:,} shown: {out}",
        soft_wrap=True,
    )


@app.command()
def describe(
    path: Annotated[Path, typer.Argument(help="Data directory, or an events file (.parquet or .csv).")],
    category: Annotated[str | None, typer.Option(help="Column whose agreement between neighbours is shown.")] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Also tell whether themes help on this log.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Describe a log: users, items, events, history lengths, time, bad rows and session hopping.

    Example: mos data describe build/data/complete-journey --category product_type
    """
    from mos_tf.datasets import describe as describing

    console = Console()
    with console.status(f"reading {path}"):
        description = describing.describe(path, category)
    for table in describing.tables(description):
        console.print(table)
    if json_file is not None:
        json_file.write_text(description.to_json() + "\n", encoding="utf-8")
    if probe:
        with quiet_imports():
            from mos_tf.insight import probe as probing

        with console.status("probing themes by gradient boosting"):
            found = probing.probe_themes(path, token=category)
        console.print(probing.table(found), found.verdict, soft_wrap=True)


@app.command()
def convert(
    data: Annotated[Path, typer.Argument(help="Data directory: events, items, exposures.")],
    config: Annotated[Path, typer.Option(help="YAML file with `spec:` and `requests:`, such as a pipeline's.")],
    out: Annotated[Path, typer.Option(help="Directory to write; an earlier conversion there is replaced.")],
) -> None:
    """Convert events to training requests on this machine, the same ones as the pipeline makes with Beam.

    Example: mos data convert build/data/complete-journey --config pipeline.yaml --out build/requests
    """
    from mos_tf.datasets.config import SPLITS, load_config
    from mos_tf.datasets.convert import convert as convert_events

    spec, request_config, unread = load_config(config)
    console = Console()
    if unread:
        console.print(f"{config}: spec and requests are used; not read here: {', '.join(unread)}", soft_wrap=True)
    with Progress(console=console) as progress:
        counts = convert_events(data, out, spec, request_config, progress)
    table = Table("split", "requests", "positives", "negatives", "mean history")
    for split in SPLITS:
        requests, events = (counts.requests[f"{split}/{what}"] for what in ("requests", "history_events"))
        candidates = (f"{counts.requests[f'{split}/{what}']:,}" for what in ("positives", "negatives"))
        table.add_row(split, f"{requests:,}", *candidates, f"{events / max(requests, 1):,.0f}")
    console.print(table)
    console.print(
        f"{counts.users:,} users, {counts.rows:,} rows, {counts.dead_letters.total():,} bad: {out}", soft_wrap=True
    )
