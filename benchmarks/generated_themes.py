"""Does routing by themes pay where themes exist? A made log of pure sessions, whose true themes are known.

    python -m benchmarks.generated_themes

Each encoder alone, with the affinity of item and category; inside a mixture with learned themes, as many as there are;
and inside a mixture that groups the categories at random. Writes `benchmarks/results/generated_themes.json`.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.datasets.config import load_config
from mos_tf.datasets.convert import convert
from mos_tf.datasets.files import read_table
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.generate import generate
from mos_tf.datasets.tensors import load_requests
from mos_tf.datasets.vocabularies import count_vocabularies
from mos_tf.encoders import DIN, SDIM, Mamba4Rec, SequenceEncoder
from mos_tf.metrics.grouped_auc import grouped_auc
from mos_tf.models.fitting import fit_best
from mos_tf.study.provenance import commit, machine, versions

CONFIG = Path("tfx_pipeline/configs/generated.yaml")
ENCODERS: dict[str, Callable[[], SequenceEncoder]] = {"DIN": DIN, "SDIM": SDIM, "Mamba4Rec": Mamba4Rec}
VARIANTS = ("plain", "random themes", "learned themes")
SEEDS = (0, 1, 2)


def main(
    users: Annotated[int, typer.Option(help="Users of the made log.")] = 600,
    steps: Annotated[int, typer.Option(help="Training steps of each ranker.")] = 400,
    directory: Annotated[Path, typer.Option(help="Where the log and its requests are written.")] = Path(
        "build/generated-themes"
    ),
    output: Annotated[Path, typer.Option(help="JSON file to write.")] = Path(
        "benchmarks/results/generated_themes.json"
    ),
) -> None:
    """Compare encoders alone, with random and with learned themes on a made log of pure sessions."""
    started = time.monotonic()
    settings = GeneratorConfig(mode=Mode.HARD_SWITCH, users=users)
    generate(settings, directory / "data")
    spec, requests, _ = load_config(CONFIG)
    convert(directory / "data", directory / "requests", spec, requests)
    files = {s: sorted((directory / "requests" / f"Split-{s}").glob("*.gz")) for s in ("train", "eval", "test")}
    vocabularies = count_vocabularies(files["train"], spec)
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies.items()}
    items = read_table(directory / "data" / "items.parquet").to_pandas()
    true_theme = items.groupby("category")["true_theme"].first()

    def load(split: str, seed: int) -> tf.data.Dataset:
        return load_requests(files[split], spec, vocabularies, 32, shuffle=split == "train", seed=seed)

    def ranker(encoder: Callable[[], SequenceEncoder], variant: str, seed: int) -> SequenceRanker:
        if variant == "plain":
            return SequenceRanker(spec, ids, encoder())
        made = SequenceRanker(spec, ids, MixtureOfSequence(encoder(), num_themes=settings.num_themes))
        if variant == "random themes":
            drawn = np.random.default_rng(seed).integers(0, settings.num_themes, (ids["category"], 1))
            made.router.frozen_table.assign(drawn)
            made.router.adapted = True
        return made

    labels = np.concatenate([y.flat_values for _, y in load("test", 0)])
    groups = np.concatenate([tf.gather(x["user_id"], y.value_rowids()) for x, y in load("test", 0)])
    rows = []
    for name, encoder in ENCODERS.items():
        for seed in SEEDS:
            for variant in VARIANTS:
                keras.utils.set_random_seed(seed)
                model = ranker(encoder, variant, seed)
                model.adapt(load("train", seed))
                fit_best(
                    model, load("train", seed).repeat(), load("eval", seed),
                    steps=steps, validations=4, learning_rate=0.003,
                )  # fmt: skip
                score = tf.function(lambda x, model=model: model(x).flat_values, reduce_retracing=True)
                scores = np.concatenate([score(x).numpy() for x, _ in load("test", seed)])
                row = {
                    "encoder": name,
                    "variant": variant,
                    "seed": seed,
                    "auc": float(roc_auc_score(labels, scores)),
                    "gauc": grouped_auc(labels, scores, groups).gauc,
                }
                if variant == "learned themes":
                    tokens = vocabularies["category"].tokens
                    found = model.theme_table()[settings.num_themes][: len(tokens)]
                    row["nmi"] = float(normalized_mutual_info_score(true_theme.loc[list(tokens)], found))
                rows.append(row)
                print(row, flush=True)
    report = {
        "command": "python -m benchmarks.generated_themes",
        "commit": commit(),
        "machine": machine(),
        "versions": versions("tensorflow", "keras", "numpy"),
        "generator": settings.model_dump(mode="json"),
        "steps": steps,
        "test_candidates": len(labels),
        "seconds": round(time.monotonic() - started),
        "rows": rows,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    Console().print(table(rows))


def table(rows: list[dict]) -> Table:
    """Returns mean AUC, and what learned themes gain on each other variant, seed by seed."""
    shown = Table("encoder", "variant", "AUC", "GAUC", "learned themes − this, AUC")
    for name in ENCODERS:
        by_variant = {v: [row for row in rows if row["encoder"] == name and row["variant"] == v] for v in VARIANTS}
        for variant, own in by_variant.items():
            gains = [a["auc"] - b["auc"] for a, b in zip(by_variant["learned themes"], own, strict=True)]
            shown.add_row(
                name,
                variant,
                *(f"{np.mean([row[metric] for row in own]):.4f}" for metric in ("auc", "gauc")),
                "" if variant == "learned themes" else ", ".join(f"{gain:+.4f}" for gain in gains),
            )
    return shown


if __name__ == "__main__":
    typer.run(main)
