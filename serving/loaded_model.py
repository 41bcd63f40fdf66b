"""`LoadedModel`: a SavedModel in a session of its own, loaded the way TF Serving loads it."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from mos_tf.errors import MosError


class LoadedModel:
    """Signatures of a SavedModel, ready to run from several threads.

    The v1 loader reads variables by their names in the file, as the server in C++ does; what only works with Python
    objects fails here as it would there.

    Args:
        directory: a SavedModel.

    Raises:
        MosError: it cannot be loaded.
    """

    def __init__(self, directory: str | Path):
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default():
                loaded = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], str(directory))
        except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
            self._session.close()
            raise MosError(f"a version must be a SavedModel that loads. Received: {_line(error)}") from error
        self.signatures = {n: s for n, s in loaded.signature_def.items() if not n.startswith("__")}

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Collection[str] = ()
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name, all of them where none is named.

        Raises:
            ValueError: names or types other than the signature's.
            tf.errors.OpError: what failed inside the graph.
        """
        if signature not in self.signatures:
            raise ValueError(f"signature_name must be one of {sorted(self.signatures)}. Received: {signature!r}")
        known = self.signatures[signature]
        if set(inputs) != set(known.inputs):
            raise ValueError(f"inputs of {signature!r} must be {sorted(known.inputs)}. Received: {sorted(inputs)}")
        if not set(outputs) <= set(known.outputs):
            raise ValueError(f"outputs of {signature!r} are {sorted(known.outputs)}. Received: {sorted(outputs)}")
        for name, value in inputs.items():
            wanted = tf.dtypes.as_dtype(known.inputs[name].dtype)
            if tf.dtypes.as_dtype(value.dtype) != wanted:
                raise ValueError(f"input {name!r} must be {wanted.name}. Received: {value.dtype.name}")
        fetches = {name: known.outputs[name].name for name in outputs or known.outputs}
        return self._session.run(fetches, {known.inputs[name].name: value for name, value in inputs.items()})

    def close(self) -> None:
        """Frees the session."""
        self._session.close()


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
