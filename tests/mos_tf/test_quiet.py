import os

import pytest

from mos_tf.quiet import quiet_imports


def test_native_chatter_is_shown_only_when_the_import_fails(capfd):
    with quiet_imports():
        os.write(2, b"all is well\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), quiet_imports():
        os.write(2, b"a library is missing\n")
        raise ImportError
    assert capfd.readouterr().err == "a library is missing\n"
