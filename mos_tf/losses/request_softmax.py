"""`request_softmax`: softmax cross-entropy over the candidates of each request."""

from typing import Any

from keras import ops

from mos_tf.losses.flat import flat


def request_softmax(labels: Any, logits: Any, rows: Any, num_rows: Any, *, log_sampling_probability: Any = None) -> Any:
    """Returns the softmax cross-entropy of a request's positives among its candidates, float32 scalar.

        L_r = − Σ_{c in r} y_c log(exp(s_c) / Σ_{d in r} exp(s_d)) / Σ_{c in r} y_c
        loss = mean of L_r over the requests with a positive;    0 without any

    With sampled negatives, s_c − log Q_c takes the place of s_c, which makes the sampled softmax that of the whole
    catalogue in expectation; without it, popular items, drawn more often, are pushed down.

    Args:
        labels: y, 0 or 1 [M]; several positives a request share its weight.
        logits: s, float [M].
        rows: int [M], the request of each candidate, in [0, num_rows) and in any order.
        num_rows: R, number of requests, an int (JAX needs it before tracing) or, on TensorFlow, a scalar tensor.
        log_sampling_probability: log Q, float [M]: log of the probability (or of the expected count) with which the
            candidate got into the request; 0 for one that was certain to. Default: all were.

    Raises:
        ValueError: arrays of unequal length.

    References:
        Bengio and Senécal, "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language
        Model", IEEE Transactions on Neural Networks 2008.

        Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.

    Example:

    >>> loss = request_softmax([1, 0, 0, 0], [0.0, 0.0, 5.0, 5.0], rows=[0, 0, 1, 1], num_rows=2)
    >>> round(float(loss), 4)  # log 2: request 1 has no positive
    0.6931
    """
    labels, logits = flat("float32", labels=labels, logits=logits)
    rows = ops.convert_to_tensor(rows, dtype="int32")
    if log_sampling_probability is not None:
        logits, log_q = flat("float32", logits=logits, log_sampling_probability=log_sampling_probability)
        logits = logits - log_q
    peak = ops.segment_max(ops.stop_gradient(logits), rows, num_rows)
    shifted = logits - ops.take(peak, rows)
    # Taken back to the candidates before the log: the log of an empty request's 0 is never asked for.
    total = ops.take(ops.segment_sum(ops.exp(shifted), rows, num_rows), rows)
    positives = ops.segment_sum(labels, rows, num_rows)
    surprise = ops.segment_sum(labels * (ops.log(total) - shifted), rows, num_rows)
    losses = ops.divide_no_nan(surprise, positives)
    return ops.divide_no_nan(ops.sum(losses), ops.sum(ops.cast(positives > 0, "float32")))
