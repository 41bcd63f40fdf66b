"""How good the demo's ranker is, beside what a user would otherwise take, on the demo's own test split.

Run `make quality` (some 25 minutes on 2 cores). Every row sees the same requests and the same
validation split. Rankers are means over seeds; logistic regression and boosting have none. Differences are paired.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.datasets.convert import convert
from mos_tf.datasets.tensors import load_requests
from mos_tf.datasets.vocabularies import count_vocabularies
from mos_tf.encoders import DIN
from mos_tf.features import HISTORY
from mos_tf.metrics.grouped_auc import grouped_auc
from mos_tf.models.early_events import theme_sessions
from mos_tf.models.fitting import fit_best
from mos_tf.study.provenance import commit, machine, versions
from tfx_pipeline.config import DEMO_CONFIG, PipelineConfig

SEEDS = (0, 1, 2)
OURS = "Mixture of Sequence (DIN)"
_BOOSTING = ((0.1, 31), (0.05, 31), (0.03, 15))  # learning rate and leaves, chosen on validation

Splits = dict[str, tf.data.Dataset]


@dataclass(frozen=True)
class Rows:
    """Candidates of one split, flat: labels [M], users [M] and numbers [M, J]."""

    labels: np.ndarray
    users: np.ndarray
    numbers: np.ndarray


def main(
    config_path: Annotated[Path, typer.Option("--config", help="A pipeline's YAML file.")] = DEMO_CONFIG,
    requests_dir: Annotated[Path, typer.Option("--requests", help="Where requests are written.")] = Path(
        "build/quality/requests"
    ),
    output: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("benchmarks/results/demo_quality.json"),
    seeds: Annotated[int, typer.Option(help="Seeds of everything that has one.")] = len(SEEDS),
) -> None:
    """Compare the demo's ranker with its baselines on the test split."""
    started = time.monotonic()
    config = PipelineConfig.load(config_path)
    convert(config.data_dir, requests_dir, config.spec, config.requests)
    files = {split: sorted((requests_dir / f"Split-{split}").glob("*.gz")) for split in ("train", "eval", "test")}
    thresholds = {name: config.vocabulary.threshold(name) for name in config.spec.categoricals}
    vocabularies = count_vocabularies(files["train"], config.spec, thresholds)
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies.items()}

    def load(seed: int) -> Splits:
        return {
            split: load_requests(
                paths, config.spec, vocabularies, config.training.batch_size, shuffle=split == "train", seed=seed
            )
            for split, paths in files.items()
        }

    def ranker(sequence: MixtureOfSequence | DIN) -> SequenceRanker:
        return SequenceRanker(config.spec, ids, sequence, embedding_dim=config.training.embedding_dim)

    def mixture() -> SequenceRanker:
        return ranker(MixtureOfSequence(DIN(), num_themes=config.training.num_themes, window=config.training.window))

    results: dict[str, list[dict[str, float]]] = {}
    measured = mixture()
    measured.adapt(load(0)["train"])
    rows = {split: flatten(measured, dataset) for split, dataset in load(0).items()}

    def record(name: str, scores: np.ndarray) -> None:
        results.setdefault(name, []).append(quality(rows["test"], scores))
        print(name, results[name][-1], flush=True)

    affinity, similarity = measured.affinity, measured.candidate_numbers.similarity
    assert affinity is not None and similarity is not None
    levels, categoricals = affinity.levels, config.spec.item_categoricals
    # Affinity of everything, item and categories; similarity of everything and categories; then the themes' of each.
    own = list(range(5 * (1 + len(categoricals))))
    own += range(affinity.output_dim, affinity.output_dim + 2 * len(categoricals))
    popularity = list(range(affinity.output_dim + similarity.output_dim, rows["test"].numbers.shape[1]))
    counts = [5 * (1 + levels.index(name)) for name in categoricals]
    record("popularity", rows["test"].numbers[:, popularity[0]])
    record("logistic regression: own counts + popularity", logistic(rows, counts + popularity))
    boosting = "gradient boosting: affinity of item and categories + popularity"
    record(boosting, boosted(rows, own + popularity))
    record(f"{boosting} + affinity of learned themes", boosted(rows, list(range(rows["test"].numbers.shape[1]))))
    for seed in range(seeds):
        record("the same ranker without history", train_without_history(mixture, load(seed), config, seed))
        record("DIN with affinity of item and categories", train(lambda: ranker(DIN()), load(seed), config, seed))
        record(OURS, train(mixture, load(seed), config, seed))
    report = {
        "command": "make quality",
        "commit": commit(),
        "machine": machine(),
        "versions": versions("tensorflow", "keras", "scikit-learn", "numpy"),
        "test": {"candidates": len(rows["test"].labels), "users": len(np.unique(rows["test"].users))},
        "seconds": round(time.monotonic() - started),
        "results": results,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    Console().print(table(results))


def flatten(ranker: SequenceRanker, dataset: tf.data.Dataset) -> Rows:
    """Returns every candidate of a split with what the tower of numbers sees of it."""
    numbers = tf.function(ranker.numbers, reduce_retracing=True)
    parts = [
        (label.flat_values.numpy(), tf.gather(x["user_id"], label.value_rowids()).numpy(), numbers(x).numpy())
        for x, label in dataset
    ]
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def quality(rows: Rows, scores: np.ndarray) -> dict[str, float]:
    """Returns AUC, GAUC and, where scores are probabilities, log loss and calibration of candidates."""
    figures = {
        "auc": float(roc_auc_score(rows.labels, scores)),
        "gauc": grouped_auc(rows.labels, scores, rows.users).gauc,
    }
    if scores.min() >= 0 and scores.max() <= 1:
        figures["log_loss"] = float(log_loss(rows.labels, scores.astype(np.float64)))
        figures["calibration"] = float(scores.mean() / rows.labels.mean())
    return figures


def logistic(rows: dict[str, Rows], columns: list[int]) -> np.ndarray:
    """Returns test probabilities of a logistic regression on some of the numbers."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(rows["train"].numbers[:, columns], rows["train"].labels)
    return model.predict_proba(rows["test"].numbers[:, columns])[:, 1]


def boosted(rows: dict[str, Rows], columns: list[int]) -> np.ndarray:
    """Returns test probabilities of gradient boosting, its trees, rate and leaves chosen by AUC on validation."""
    tried = []
    for rate, leaves in _BOOSTING:
        model = HistGradientBoostingClassifier(
            learning_rate=rate, max_leaf_nodes=leaves, max_iter=400, min_samples_leaf=50, l2_regularization=1.0,
            early_stopping=False, random_state=0,
        )  # fmt: skip
        model.fit(rows["train"].numbers[:, columns], rows["train"].labels)
        staged = model.staged_predict_proba(rows["eval"].numbers[:, columns])
        auc = [roc_auc_score(rows["eval"].labels, probabilities[:, 1]) for probabilities in staged]
        tried.append((max(auc), int(np.argmax(auc)), model))
    _, best, model = max(tried, key=lambda t: t[0])
    staged = model.staged_predict_proba(rows["test"].numbers[:, columns])
    return next(probabilities[:, 1] for trees, probabilities in enumerate(staged) if trees == best)


def train(make: Callable[[], SequenceRanker], splits: Splits, config: PipelineConfig, seed: int) -> np.ndarray:
    """Returns test probabilities of a ranker, the best of its validations by GAUC."""
    keras.utils.set_random_seed(seed)
    return _fit_and_score(make(), splits, config)


def train_without_history(
    make: Callable[[], SequenceRanker], splits: Splits, config: PipelineConfig, seed: int
) -> np.ndarray:
    """The same, on requests whose histories are taken away; themes are still those of the histories."""
    keras.utils.set_random_seed(seed)
    ranker = make()
    ranker.router.adapt(*theme_sessions(splits["train"], config.spec.theme_token))
    return _fit_and_score(ranker, {split: dataset.map(_strip) for split, dataset in splits.items()}, config)


def _strip(features: dict, label: tf.RaggedTensor) -> tuple[dict, tf.RaggedTensor]:
    return {k: v[:, :0] if k.startswith(HISTORY) else v for k, v in features.items()}, label


def _fit_and_score(ranker: SequenceRanker, splits: Splits, config: PipelineConfig) -> np.ndarray:
    settings = config.training
    ranker.adapt(splits["train"])
    fit_best(
        ranker,
        splits["train"].repeat(),
        splits["eval"],
        steps=settings.steps,
        validations=settings.validations,
        learning_rate=settings.learning_rate,
    )
    score = tf.function(lambda x: ranker(x).flat_values, reduce_retracing=True)
    return np.concatenate([score(features).numpy() for features, _ in splits["test"]])


def table(results: dict[str, list[dict[str, float]]]) -> Table:
    """Returns means over seeds, and the paired difference of ours to each row."""
    shown = Table("", "AUC", "GAUC", "log loss", "ours − this, AUC", "ours − this, GAUC")
    for name, runs in results.items():
        differences = [
            ", ".join(
                f"{ours[metric] - run[metric]:+.4f}" for ours, run in zip(results[OURS], _repeat(runs), strict=False)
            )
            for metric in ("auc", "gauc")
        ]
        log_losses = [run["log_loss"] for run in runs if "log_loss" in run]
        shown.add_row(
            name,
            _spread([run["auc"] for run in runs]),
            _spread([run["gauc"] for run in runs]),
            f"{statistics.mean(log_losses):.4f}" if log_losses else "",
            *(differences if name != OURS else ["", ""]),
        )
    return shown


def _repeat(runs: list[dict[str, float]]) -> Iterable[dict[str, float]]:
    """A row without a seed is compared with every seed of ours."""
    return runs if len(runs) > 1 else runs * len(SEEDS)


def _spread(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


if __name__ == "__main__":
    typer.run(main)
