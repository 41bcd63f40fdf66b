"""Themes of a study's training requests, found in every way that a router can find them; no click is learned from."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mos_tf.features import HISTORY, TIMESTAMP
from mos_tf.layers.sessions import session_numbers
from mos_tf.layers.theme_router import ThemeRouter
from mos_tf.models.early_events import theme_sessions
from mos_tf.ragged import Rows
from mos_tf.study.data import StudyData
from mos_tf.study.routed_events import RoutedEvents
from mos_tf.study.routing_figures import Figure, judge

_READ = 1024  # requests a batch

Sessions = tuple[np.ndarray, np.ndarray]  # session and token of each event


def judge_routing(data: StudyData, events: RoutedEvents, seeds: int) -> dict[tuple[str, int], dict[str, Figure]]:
    """Returns the figures of every way of finding themes at every resolution: (way, K) → name → figure.

    Args:
        data: whose training requests themes are found in.
        events: to judge on.
        seeds: how many, 0, 1, …, at least two.

    Raises:
        DataError: there are fewer tokens than themes, or no two share a session.
    """
    sessions = theme_sessions(data.train.batches(_READ), data.spec.theme_token)
    judged = {}
    for way, find in WAYS.items():
        routers = [find(data, sessions, seed) for seed in range(seeds)]
        tables = [keras.ops.convert_to_numpy(router.table) for router in routers]
        for column, themes in enumerate(routers[0].num_themes):
            judged[way, themes] = judge(events, [table[:, column] for table in tables], themes)
    return judged


def _counted(data: StudyData, sessions: Sessions, seed: int) -> ThemeRouter:
    router = ThemeRouter(data.num_ids[data.spec.theme_token], data.num_themes, seed=seed)
    router.adapt(*sessions)
    return router


def _contrasted(data: StudyData, sessions: Sessions, seed: int) -> ThemeRouter:
    router = ThemeRouter(data.num_ids[data.spec.theme_token], data.num_themes, seed=seed)
    router.adapt(*sessions, start="random")
    return router


def _learned_on(data: StudyData, sessions: Sessions, seed: int) -> ThemeRouter:
    router = ThemeRouter(data.num_ids[data.spec.theme_token], data.num_themes, seed=seed, learn=True)
    router.adapt(*sessions)
    learn(router, data, seed)
    return router


# By the names of the ablations.
WAYS: dict[str, Callable[[StudyData, Sessions, int], ThemeRouter]] = {
    "co-occurrence": _counted,
    "learned on from co-occurrence": _learned_on,
    "learned from a random start": _contrasted,
}


def learn(router: ThemeRouter, data: StudyData, seed: int) -> None:
    """Trains a learning router by its own losses alone, on the batches, steps and rate that a ranker would have.

    Args:
        router: adapted.
        data: its training requests and its budget.
        seed: of the order of the requests.
    """
    budget, token = data.config.budget, data.spec.theme_token
    schedule = keras.optimizers.schedules.CosineDecay(budget.learning_rates[0], budget.steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
    lesson = _Lesson(router)

    @tf.function(reduce_retracing=True)
    def step(tokens: tf.RaggedTensor, times: tf.RaggedTensor) -> None:
        with tf.GradientTape() as tape:
            lesson(tokens, times)
            loss = tf.add_n(lesson.losses)
        optimizer.apply(tape.gradient(loss, router.trainable_variables), router.trainable_variables)

    batches = data.train.batches(budget.batch_size, shuffled_by=seed).repeat()
    for features, _ in batches.take(budget.steps):
        step(features[HISTORY + token], features[HISTORY + TIMESTAMP])


class _Lesson(keras.layers.Layer):
    """Asks a router for its losses: a layer of its own, as only a call begins them anew."""

    def __init__(self, router: ThemeRouter):
        super().__init__(name="lesson", autocast=False)
        self.router = router

    def call(self, tokens: tf.RaggedTensor, times: tf.RaggedTensor) -> tf.Tensor:
        sessions = session_numbers(Rows.of(tokens), time=-times.values)  # seconds before any later moment
        self.router.learn_from(tokens.values, sessions)
        return sessions
