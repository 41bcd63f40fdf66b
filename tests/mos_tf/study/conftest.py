import pytest

from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.study.config import Budget, Generated, named
from mos_tf.study.data import prepare

BUDGET = Budget(steps=4, batch_size=16, validations=2, first_stage_epochs=6, embedding_dim=8)


@pytest.fixture(scope="session")
def study_data(tmp_path_factory):
    """The data of a small study: 60 users of a made log, trained for four steps."""
    directory = tmp_path_factory.mktemp("study")
    config = named("generated-hopping").model_copy(
        update={"source": Generated(generator=GeneratorConfig(users=60)), "budget": BUDGET}
    )
    return prepare(config, directory / "data", directory / "sources")
