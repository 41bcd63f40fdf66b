import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tensorflow_model_analysis.metrics.metric_types import StandardMetricInputs

from tfx_pipeline.evaluation.gauc import GAUC


def evaluate(users, labels, scores, parts: int = 3, model_names=("",)):
    """Runs the metric as Beam does, in parts that are merged; each model's result by name."""
    results: dict[tuple[str, str], float] = {}
    for computation in GAUC().computations(model_names=list(model_names)):
        combiner = computation.combiner
        accumulators = [combiner.create_accumulator() for _ in range(parts)]
        for i, (user, label, score) in enumerate(zip(users, labels, scores, strict=True)):
            targets = {name: np.array([label]) for name in model_names}
            predictions = {name: np.array([1 - score if name == "baseline" else score]) for name in model_names}
            alone = model_names == ("",)
            inputs = StandardMetricInputs(
                labels=targets[""] if alone else targets,
                predictions=predictions[""] if alone else predictions,
                features={"user_id": np.array([user], object)},
            )
            accumulators[i % parts] = combiner.add_input(accumulators[i % parts], inputs)
        output = combiner.extract_output(combiner.merge_accumulators(accumulators))
        results |= {(key.model_name, key.name): value for key, value in output.items()}
    return results


def test_it_is_the_weighted_mean_of_the_auc_that_scikit_learn_gives_each_user():
    rng = np.random.default_rng(0)
    users = rng.choice([b"ann", b"bob", b"eve"], 300, p=[0.6, 0.3, 0.1])
    labels, scores = rng.integers(0, 2, 300), rng.random(300).round(2)
    aucs = {user: roc_auc_score(labels[users == user], scores[users == user]) for user in np.unique(users)}

    results = evaluate(users, labels, scores)

    weights = [np.sum(users == user) for user in aucs]
    assert results["", "gauc"] == pytest.approx(np.average(list(aucs.values()), weights=weights))
    assert results["", "uauc"] == pytest.approx(np.mean(list(aucs.values())))


def test_users_with_one_class_are_left_out_and_counted():
    results = evaluate([b"ann", b"ann", b"bob", b"bob", b"eve"], [0, 1, 1, 1, 0], [0.1, 0.9, 0.2, 0.3, 0.5])

    assert results["", "gauc"] == 1.0
    assert results["", "gauc_users"] == 1
    assert results["", "gauc_one_class_users"] == 2


def test_each_model_has_its_own():
    results = evaluate([b"ann"] * 3, [0, 1, 1], [0.1, 0.9, 0.3], model_names=("candidate", "baseline"))

    assert results["candidate", "gauc"] == 1.0
    assert results["baseline", "gauc"] == 0.0
