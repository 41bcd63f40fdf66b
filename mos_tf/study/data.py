"""`StudyData`: what all trainings of a study share: requests in memory, ids, and groups of what is routed."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from mos_tf.datasets.adapters import complete_journey
from mos_tf.datasets.config import SPLITS, Split
from mos_tf.datasets.convert import convert
from mos_tf.datasets.files import find_table, read_table, replacing
from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.datasets.generator.generate import generate
from mos_tf.datasets.tensors import load_requests
from mos_tf.datasets.vocabularies import count_vocabularies
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, FeatureSpec
from mos_tf.insight.probe import RESOLUTIONS, ROUTING_DIM
from mos_tf.layers.co_occurrence import co_occurrence, num_distinct, positive_pmi, token_embeddings
from mos_tf.models.early_events import theme_sessions
from mos_tf.study.config import CompleteJourney, Directory, Generated, StudyConfig
from mos_tf.study.lock import locked
from mos_tf.study.requests import Requests
from mos_tf.study.truth import true_probabilities
from mos_tf.vocabulary import Vocabulary

CONFIG = "study.json"
TRUE_THEME = "true_theme"
_TRUTH = "truth.npz"
_READ = 1024  # requests a batch
# What makes requests of a log that has none, by where its candidates come from.
_REMEDIES = {
    "sampled": "candidates that are sampled are items with events in an earlier week: give a log of several weeks in "
    "which items come again, or its lists or labels",
    "exposed": "candidates are those of lists that an event tells of by its exposure_id: give lists of all of the log",
}


class StudyData:
    """The prepared data of a study.

    Args:
        directory: written by `prepare`.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self.config = StudyConfig.model_validate_json((directory / CONFIG).read_text(encoding="utf-8"))
        self.vocabularies = {name: Vocabulary.load(directory / f"{name}.txt") for name in self.spec.categoricals}
        self.num_ids = {name: vocabulary.num_ids for name, vocabulary in self.vocabularies.items()}
        with np.load(directory / "groups.npz", allow_pickle=False) as groups:
            self.groups = dict(groups)

    @property
    def spec(self) -> FeatureSpec:
        """The features of the requests."""
        return self.config.spec

    @property
    def ranker_settings(self) -> dict[str, Any]:
        """Arguments that all rankers of the study have."""
        return {"embedding_dim": self.config.budget.embedding_dim, "time_scales": self.config.time_scales}

    @cached_property
    def num_themes(self) -> tuple[int, ...]:
        """The default resolutions of fewer themes than there are tokens that share early sessions; 2 at least.

        Raises:
            DataError: no two tokens share sessions more often than by chance.
        """
        token = self.spec.theme_token
        sessions, tokens = theme_sessions(self.train.batches(_READ), token)
        known = tokens < self.num_ids[token] - 1
        shared = positive_pmi(co_occurrence(sessions[known], tokens[known], self.num_ids[token]))
        if not shared.nnz:
            raise DataError(
                f"themes are learned from what occurs together in a session. Received: {self.config.title}, in which "
                f"no two of {token!r} do so more often than by chance; give a log with several events a session"
            )
        told_apart = num_distinct(token_embeddings(shared, ROUTING_DIM, seed=0))
        return tuple(themes for themes in RESOLUTIONS if themes < told_apart) or (2,)

    @cached_property
    def train(self) -> Requests:
        """Training requests."""
        return Requests.load(self.directory / "train.npz")

    @cached_property
    def validation(self) -> Requests:
        """Requests that decide when to stop and which trial to keep."""
        return Requests.load(self.directory / "eval.npz")

    @cached_property
    def test(self) -> Requests:
        """Requests that results are of."""
        return Requests.load(self.directory / "test.npz")

    @cached_property
    def truth(self) -> dict[str, np.ndarray] | None:
        """The true probability of each candidate of `"validation"` and `"test"`, [M]; None where nobody knows it."""
        if not self.config.has_truth:
            return None
        with np.load(self.directory / _TRUTH, allow_pickle=False) as truth:
            return dict(truth)

    def group_of(self, token: str, column: str) -> np.ndarray | None:
        """Returns the group in an items' column of each known id of a token, int [ids]; None where it is not known."""
        return self.groups.get(f"{token}/{column}")


def prepare(config: StudyConfig, directory: Path, sources: Path) -> StudyData:
    """Makes the data of a study, or finds it made.

    Args:
        config: what to make.
        directory: written beside, then renamed.
        sources: where fetched and made logs are kept; several studies may share one.

    Raises:
        DataError: the log cannot be read, or does not become requests.
    """
    with locked(directory):  # two commands on one study may begin together
        if not _is_made(config, directory):
            _make(config, directory, sources)
        _write_config(config, directory)  # which rows and peers it has may have changed
    return StudyData(directory)


def _make(config: StudyConfig, directory: Path, sources: Path) -> None:
    log = _log(config, sources)
    with replacing(directory, marker=CONFIG) as out:
        convert(log, out / "requests", config.spec, config.requests)
        files = {split: sorted((out / "requests" / f"Split-{split}").glob("*.gz")) for split in SPLITS}
        vocabularies = count_vocabularies(files["train"], config.spec, config.min_count)
        for split in SPLITS:
            _requests(config, split, files[split], vocabularies).save(out / f"{split}.npz")
        for name, vocabulary in vocabularies.items():
            vocabulary.save(out / f"{name}.txt")
        items = find_table(log, "items")
        table = read_table(items).to_pandas() if items else pd.DataFrame({ITEM_ID: []})
        np.savez_compressed(out / "groups.npz", **_groups(config, table, vocabularies))  # type: ignore[arg-type]
        if config.has_truth:
            limits, seed = config.max_requests, config.requests.seed
            validation = true_probabilities(log, files["eval"], limits.get("eval"), seed)
            test = true_probabilities(log, files["test"], limits.get("test"), seed)
            np.savez_compressed(out / _TRUTH, validation=validation, test=test)
        _write_config(config, out)


def _requests(
    config: StudyConfig, split: Split, files: Sequence[Path], vocabularies: Mapping[str, Vocabulary]
) -> Requests:
    batches = list(load_requests(files, config.spec, vocabularies, _READ))
    if not batches:
        remedy = _REMEDIES[config.requests.negatives]
        raise DataError(f"every split has requests. Received: none of {split!r} in {config.title}; {remedy}")
    requests = Requests.collect(batches).drawn(config.max_requests.get(split), config.requests.seed)
    if (least := requests.labels.min()) == requests.labels.max():
        raise DataError(
            "every split has candidates with and without a click. "
            f"Received: {len(requests.labels)} of {split!r} in {config.title}, all with label {least:g}; "
            "give lists or labels of both kinds, or leave labels out, so that candidates are sampled"
        )
    return requests


def _write_config(config: StudyConfig, directory: Path) -> None:
    beside = directory / f"{CONFIG}.part"
    beside.write_text(config.model_dump_json(indent=1), encoding="utf-8")
    beside.rename(directory / CONFIG)


def _is_made(config: StudyConfig, directory: Path) -> bool:
    """Whether the directory holds the data of the study, the truth included where there is one."""
    try:
        made = StudyConfig.model_validate_json((directory / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValidationError):  # nothing there, or of an older version
        return False
    return made.fingerprint == config.fingerprint and (not config.has_truth or (directory / _TRUTH).is_file())


def _log(config: StudyConfig, sources: Path) -> Path:
    """Returns the data directory of a study's log, fetched or made where it is not there."""
    match config.source:
        case Directory(path=path):
            return path
        case CompleteJourney():
            complete_journey.fetch(sources / "complete-journey")
            return sources / "complete-journey"
        case Generated(generator=generator):
            directory = sources / f"generated-{generator.mode}-{generator.users}-{generator.seed}"
            settings = directory / "settings.json"
            made = settings.is_file() and GeneratorConfig.model_validate_json(settings.read_text(encoding="utf-8"))
            if made != generator:
                generate(generator, directory)
            return directory


def _groups(config: StudyConfig, items: pd.DataFrame, vocabularies: Mapping[str, Vocabulary]) -> dict[str, np.ndarray]:
    """Returns, for each token and column, the group that most of the token's items are in."""
    groups = {}
    for token in {ITEM_ID, config.spec.theme_token}:
        for column in {*config.hierarchy, TRUE_THEME, config.spec.theme_token} & set(items.columns):
            known = vocabularies[token].tokens
            counted = items.groupby([items[token].astype(str), column], observed=True).size()
            most = counted.sort_values(kind="stable").groupby(level=0).tail(1).reset_index(level=1)[column]
            codes, _ = pd.factorize(most.reindex(known).astype(str), sort=True)
            groups[f"{token}/{column}"] = codes.astype(np.int64)
    return groups
