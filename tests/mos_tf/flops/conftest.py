"""The independent source: TensorFlow's profiler on the shapes that a run of the graph really had."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

v1 = tf.compat.v1
PRODUCTS = ("MatMul", "BatchMatMulV2", "Einsum")


@pytest.fixture(scope="session")
def profiled() -> Callable[..., float]:
    """Returns profiled(function, *inputs): the multiply-adds of its matrix products, half of the FLOPs."""
    return _profiled


def _profiled(function: Callable[..., Any], *inputs: Any) -> float:
    flat = tf.nest.flatten(inputs, expand_composites=True)
    specs = [tf.TensorSpec(x.shape, x.dtype, name=f"input_{i}") for i, x in enumerate(flat)]

    @tf.function(input_signature=specs)
    def of_flat(*flat: tf.Tensor) -> Any:
        return function(*tf.nest.pack_sequence_as(inputs, flat, expand_composites=True))

    frozen = convert_variables_to_constants_v2(of_flat.get_concrete_function())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(frozen.graph.as_graph_def(), name="")
    # Shapes of ragged computation are known only when it runs. Nothing is optimised, so that every operation does run.
    config = v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = -1
    ran = v1.RunMetadata()
    fed = {f"input_{i}:0": x.numpy() for i, x in enumerate(flat)}
    fed = {tensor.name: fed[tensor.name] for tensor in frozen.inputs}  # without those that nobody reads
    with v1.Session(graph=graph, config=config) as session:
        outputs = [tensor.name for tensor in frozen.outputs]
        session.run(outputs, fed, v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), ran)
    options = v1.profiler.ProfileOptionBuilder(v1.profiler.ProfileOptionBuilder.float_operation())
    profile = v1.profiler.profile(graph, run_meta=ran, cmd="op", options=options.with_empty_output().build())
    products = [op for op in graph.get_operations() if op.type in PRODUCTS]
    assert products and all(tensor.shape.is_fully_defined() for op in products for tensor in (*op.inputs, *op.outputs))
    flops = sum(node.float_ops for node in _nodes(profile) if node.name in PRODUCTS)
    flops += 2 * sum(_overlooked(op) for op in products if op.type == "BatchMatMulV2" and op.get_attr("adj_x"))
    # The profiler knows no Einsum; an Einsum of one operand picks entries and multiplies nothing.
    return flops / 2 + sum(_einsum(op) for op in products if op.type == "Einsum" and len(op.inputs) == 2)


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _overlooked(op: tf.Operation) -> float:
    """Returns what the profiler leaves out where the first operand is transposed: it sums over the other axis."""
    *_, summed, others = op.inputs[0].shape.as_list()
    return float(np.prod(op.outputs[0].shape.as_list())) * (summed - others)


def _einsum(op: tf.Operation) -> float:
    """Returns the product of the sizes of all indices, "..." being as many as an operand has left."""
    sizes: dict[Any, int] = {}
    for part, tensor in zip(re.split(",|->", op.get_attr("equation").decode()), op.inputs, strict=False):
        before, _, after = part.partition("...")
        left = tensor.shape.rank - len(before) - len(after)
        sizes |= dict(zip([*before, *range(left), *after], tensor.shape.as_list(), strict=True))
    return float(np.prod(list(sizes.values())))
