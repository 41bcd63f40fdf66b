import pytest

from mos_tf.encoders import DIN
from mos_tf.errors import MosError
from mos_tf.study.config import named, named_studies
from mos_tf.study.data import StudyData
from mos_tf.study.peers import PEERS
from mos_tf.study.plan import ENCODERS_OF_THE_TABLES, PLANS, Preset
from mos_tf.study.quality import has_peer, has_row
from mos_tf.study.variants import ABLATIONS, CLAIMED, ONCE, ROWS, VARIANTS


def test_rows_that_carry_a_claim_have_five_seeds_in_the_full_plan_and_the_others_three():
    seeds = PLANS[Preset.NIGHT].seeds_of
    assert set(seeds) == set(VARIANTS)
    assert {row for row, number in seeds.items() if number == 5} == set(CLAIMED)
    assert set(seeds.values()) == {3, 5}


def test_controls_of_routing_are_of_one_encoder_alone():
    plan = PLANS[Preset.NIGHT]
    assert set(plan.rows_of("SDIM")) == set(VARIANTS)
    assert set(plan.rows_of("TWIN")) == set(VARIANTS) - set(ONCE) == set(plan.only(["TWIN"]).rows_of("TWIN"))
    assert not set(ONCE) & set(CLAIMED)


def test_a_study_may_have_further_rows_of_the_first_encoder_alone():
    plan, further = PLANS[Preset.NIGHT], ("MoS", "GShard + affinity")
    assert plan.rows_of("SDIM", further) == plan.rows_of("SDIM")
    assert set(plan.rows_of("TWIN")) - set(plan.rows_of("TWIN", further)) == set(further)


@pytest.mark.parametrize("name", named_studies())
def test_a_study_names_rows_that_there_are(name):
    config = named(name)
    assert set(config.once) <= set(config.rows) <= set(VARIANTS)


EVERYTHING = named("generated-hopping").model_copy(update={"rows": None})


@pytest.fixture
def everything_installed(monkeypatch):
    monkeypatch.setattr("mos_tf.study.plan.is_installed", lambda package: True)


@pytest.mark.usefixtures("everything_installed")
def test_a_smaller_plan_says_what_it_leaves_out():
    full, small = PLANS[Preset.NIGHT], PLANS[Preset.MINUTES]
    told = small.left_out(full, EVERYTHING)
    assert told[0] == f"encoders: {'; '.join(e for e in ENCODERS_OF_THE_TABLES if e not in small.encoders)}"
    assert all(row in told[2] for row in full.seeds_of if row not in small.seeds_of)
    assert all(peer in told[1] for peer in full.peers if peer not in small.peers)
    assert told[5] == "size: 100 steps, 2500 users, 6400 train 1000 eval 3000 test requests at most"
    assert full.left_out(full, EVERYTHING) == []


def test_peers_that_are_not_installed_are_named_with_what_installs_them(monkeypatch):
    monkeypatch.setattr("mos_tf.study.plan.is_installed", lambda package: package != "fuxictr")
    full = PLANS[Preset.NIGHT]
    assert full.left_out(full, EVERYTHING) == [
        'not installed: FuxiCTR: DIN; FuxiCTR: SDIM; FuxiCTR: TWIN; FuxiCTR: TransAct: pip install "mos-tf[fuxictr]"'
    ]


@pytest.mark.usefixtures("everything_installed")
def test_what_a_study_has_in_no_plan_is_not_told_as_left_out():
    study = EVERYTHING.model_copy(update={"rows": ("plain", "MoS + affinity"), "peers": ("popularity",)})
    told = PLANS[Preset.MINUTES].left_out(PLANS[Preset.NIGHT], study)
    assert "rows: plain" in told and not any(line.startswith("peers: ") for line in told)


def test_limits_never_make_a_study_larger():
    config, plan = named("complete-journey-sampled"), PLANS[Preset.MINUTES]
    limited = plan.limited(config)
    assert limited.requests.max_users == plan.max_users
    assert limited.max_requests == {"train": 6400, "eval": 800, "test": 3000}
    few = config.model_copy(update={"max_requests": {"test": 10}})
    assert plan.limited(few).max_requests == {"train": 6400, "eval": 1000, "test": 10}
    assert limited.budget.learning_rates == config.budget.learning_rates[:1]
    assert PLANS[Preset.NIGHT].limited(config) == config


@pytest.mark.usefixtures("everything_installed")
def test_a_plan_of_some_encoders_leaves_the_others_out():
    full = PLANS[Preset.NIGHT]
    some = full.only(["TWIN"])
    assert some.encoders == ("TWIN",) and some.seeds_of == full.seeds_of
    of_sdim_alone = "; ".join(row for row in VARIANTS if row in ONCE)
    assert some.left_out(full, EVERYTHING) == ["encoders: SDIM; TransAct; Mamba4Rec", f"rows: {of_sdim_alone}"]
    assert full.only(["SDIM"]).left_out(full, EVERYTHING) == ["encoders: TWIN; TransAct; Mamba4Rec"]


def test_an_encoder_that_a_plan_has_not_is_named():
    with pytest.raises(MosError, match=r"are \['SDIM'\]. Received: \['TWIN'\]; choose some of them, or a larger"):
        PLANS[Preset.MINUTES].only(["SDIM", "TWIN"])


def test_a_study_has_the_rows_and_peers_that_it_names(study_data):
    named_rows = study_data.config.model_copy(update={"rows": ("MoS",), "peers": ("popularity",)})
    study = StudyData(study_data.directory)
    study.config = named_rows
    assert [row for row in VARIANTS if has_row(study, row)] == ["MoS"]
    assert [name for name in PEERS if has_peer(study, name)] == ["popularity"]
    assert named_rows.fingerprint == study_data.config.fingerprint  # a result is the same whatever stands beside it
    assert "MoS + affinity, hierarchy" not in [row for row in VARIANTS if has_row(study_data, row)]


def test_a_log_of_few_tokens_has_no_more_themes_than_tokens(study_data):
    assert study_data.num_themes == (8, 32, 128)
    study = StudyData(study_data.directory)
    study.num_ids = {**study.num_ids, study.spec.theme_token: 33}  # 32 tokens and the unknown one
    assert study.num_themes == (8,)
    rows = [row for row in ABLATIONS if has_row(study, row)]
    assert "8 themes" in rows and "32 themes" not in rows and "128 themes" not in rows
    ranker = ROWS["affinity of themes"].make(study, DIN, 0)
    assert ranker.affinity.levels == ("theme_8",)
