"""`RequestModel`: how a model that scores the candidates of requests is trained and evaluated."""

import warnings
from typing import Any

import keras
import tensorflow as tf

from mos_tf.features import CANDIDATE, ITEM_ID, LOG_SAMPLING_PROBABILITY, USER_ID
from mos_tf.metrics import GAUC
from mos_tf.models.objective import Objective

_WEIGHTS = (
    "candidates are weighed by the objective. Received: class or sample weights; "
    "give the ranker Objective(positive_weight=…)"
)


class RequestModel(keras.Model):
    """Trains on batches of (features, label), both ragged by candidate.

    A subclass gives `call(features, training, logits)`: probabilities, or logits, as a RaggedTensor
    [batch, (candidates)]; `prepare(dataset, max_batches)`: what has to happen before the first step; and further
    metrics in `update_metrics`.

    Args:
        objective: the loss.
    """

    def __init__(self, objective: Objective, **kwargs: Any):
        # Numbers stay float32 on their way in, whatever the policy: half precision would blur them.
        super().__init__(autocast=False, **kwargs)
        self.objective = objective
        self.auc = keras.metrics.AUC(num_thresholds=1000, name="auc")
        self.gauc = GAUC(name="gauc")

    def prepare(self, dataset: tf.data.Dataset, max_batches: int | None) -> None:
        """Finds in training requests what must be known before the first step, where that is still to do."""
        raise NotImplementedError(f"{type(self).__name__} must define prepare(dataset, max_batches)")

    def update_metrics(self, x: Any) -> None:
        """Updates metrics of the inputs alone."""

    def compile(self, optimizer: Any = None, **kwargs: Any) -> None:
        """Configures training; the loss is that of the model's `Objective`.

        Args:
            optimizer: default AdamW at 1e-3 with weight decay 1e-4.
            **kwargs: of `keras.Model.compile`. `metrics` see flat labels and probabilities, one a candidate, as the
                metrics of `mos_tf.metrics` do.

        Raises:
            ValueError: a loss, or XLA, which would compile anew for every batch of ragged rows.
        """
        for name, way_out in (("loss", "give the model an Objective"), ("jit_compile", "leave it out")):
            if kwargs.pop(name, None):
                raise ValueError(
                    f"{type(self).__name__} has a loss of its own and is not for XLA. Received: {name}; {way_out}"
                )
        if optimizer is None:
            optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1e-4)
        # Ragged computation has no static shapes, so XLA would compile again for every batch.
        super().compile(optimizer=optimizer, jit_compile=False, **kwargs)

    def fit(self, x: tf.data.Dataset, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains on a dataset of (features, label) batches, and prepares for it first, where not done.

        Raises:
            ValueError: weights of classes or samples, or an endless dataset without `steps_per_epoch`.
        """
        if kwargs.get("class_weight") is not None or kwargs.get("sample_weight") is not None:
            raise ValueError(_WEIGHTS)
        if not kwargs.get("steps_per_epoch") and x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError("an epoch ends. Received: a dataset that repeats for ever; pass steps_per_epoch")
        self.prepare(x, kwargs.get("steps_per_epoch"))
        if self.built and not self.optimizer.built:
            # In the first step, variables of the optimizer would make TensorFlow trace the step a second time.
            self.optimizer.build(self.trainable_variables)
        kwargs.setdefault("shuffle", False)  # a dataset shuffles itself; Keras would warn that it cannot
        with warnings.catch_warnings():
            # Keras says so at the end of the first epoch over any dataset whose size it cannot know beforehand.
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            return super().fit(x, *args, **kwargs)

    def train_step(self, data: Any) -> dict:
        # Keras's own, but for the logits: the loss of a probability that has rounded to 0 or 1 has no gradient.
        x, y = _unweighted(data)
        with tf.GradientTape() as tape:
            logits = self(x, training=True, logits=True)
            loss = self.compute_loss(x, y, logits)
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(scaled, weights), weights, strict=True))
        return self._measured(x, y, logits, loss)

    def test_step(self, data: Any) -> dict:
        x, y = _unweighted(data)
        logits = self(x, training=False, logits=True)
        return self._measured(x, y, logits, self.compute_loss(x, y, logits))

    def _measured(self, x: Any, y: Any, logits: tf.RaggedTensor, loss: tf.Tensor) -> dict:
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=y.nrows())
        return self.compute_metrics(x, y, logits)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> tf.Tensor:
        """Returns the objective's loss of the logits `y_pred`, and whatever layers added by `add_loss`.

        Where negatives were sampled, `x` may tell how probable each candidate was to be drawn, ragged float32
        [batch, (candidates)] by the name `CANDIDATE + LOG_SAMPLING_PROBABILITY`, for objectives that correct for it.
        """
        told = x.get(CANDIDATE + LOG_SAMPLING_PROBABILITY)
        sampled = {} if told is None else {"log_sampling_probability": told.flat_values}
        rows = y_pred.value_rowids()
        loss = self.objective(y.flat_values, y_pred.flat_values, rows, y_pred.nrows(), **sampled)
        return tf.add_n([loss, *(tf.cast(added, loss.dtype) for added in self.losses)])

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        # Before any correction, which moves all scores towards 0, where the thresholds of AUC are few.
        scores = tf.sigmoid(y_pred.flat_values)
        users = tf.gather(x[USER_ID], x[CANDIDATE + ITEM_ID].value_rowids())
        self.auc.update_state(y.flat_values, scores)
        self.gauc.update_state(y.flat_values, scores, groups=users)
        self.update_metrics(x)
        return super().compute_metrics(x, y.flat_values, self.objective.probabilities(y_pred.flat_values))

    def export(self, *args: Any, **kwargs: Any) -> None:
        """Refuses: what is served is a ranker with the transformation of raw requests inside."""
        raise NotImplementedError(
            f"{type(self).__name__} is exported with the transformation of its requests inside. "
            "Received: a call of export; use serving.export_ranker, or save(path.keras) to go on in Python"
        )

    def get_compile_config(self) -> dict:
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)} if self.compiled else {}

    def compile_from_config(self, config: dict) -> None:
        self.compile(optimizer=keras.saving.deserialize_keras_object(config["optimizer"]))
        self.optimizer.build(self.trainable_variables)


def _unweighted(data: Any) -> tuple[Any, Any]:
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    if weights is not None:
        raise ValueError(_WEIGHTS)
    return x, y
