"""Keeps the terminal free of what native libraries say while they load."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Holds back what is written to the stderr descriptor; shows it only when the block fails.

    TensorFlow's shared libraries log while they are loaded, before any setting of its log level takes effect. So a
    command imports them in here:

        with quiet_imports():
            import tensorflow as tf
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
