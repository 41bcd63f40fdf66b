"""Names that others rely on. A change here is a change of the public interface: say so in the release."""

import importlib

import pytest

PUBLIC = {
    "mos_tf": [
        "Feature",
        "FeatureSpec",
        "FirstStage",
        "HistoryAffinity",
        "ItemTable",
        "MixtureOfSequence",
        "Objective",
        "Request",
        "SequenceRanker",
        "ThemeRouter",
        "Vocabulary",
        "cost",
    ],
    "mos_tf.encoders": ["DIN", "Encoded", "HSTU", "Mamba4Rec", "SDIM", "SequenceEncoder", "TWIN", "TransAct"],
    "mos_tf.moe": ["DSelectK", "ExpertChoice", "GShard"],
    "mos_tf.layers": [
        "Cross",
        "EmbeddingRouter",
        "Fusion",
        "HistoryAffinity",
        "HistorySimilarity",
        "Mixed",
        "MixtureOfSequence",
        "PiecewiseLinearEmbedding",
        "Routing",
        "ShortTermExpert",
        "ThemeExperts",
        "ThemeRouter",
    ],
    "mos_tf.losses": [
        "candidate_cross_entropy",
        "codebook_loss",
        "commitment_loss",
        "load_balance",
        "request_softmax",
        "session_contrast",
        "undo_negative_sampling",
        "undo_negative_sampling_logits",
        "vq_loss",
    ],
    "mos_tf.metrics": [
        "AUC",
        "Calibration",
        "ExpectedCalibrationError",
        "GAUC",
        "LogLoss",
        "NormalizedEntropy",
        "ThemeLoad",
        "UAUC",
    ],
    "mos_tf.models": ["FirstStage", "ItemTable", "Objective", "SequenceRanker"],
    "mos_tf.flops": ["Cost", "Sequences", "cost", "register"],
    "mos_tf.ragged": [
        "Join",
        "MatchedSums",
        "NullSoftmax",
        "Pairs",
        "Rows",
        "Selection",
        "TILE",
        "Tiles",
        "join",
        "keep",
        "last_events",
        "matching_rows",
        "null_softmax",
        "pair_rows",
        "rank_from_end",
        "regroup_rows",
        "row_ids",
        "row_lengths",
        "row_means",
        "rows_where",
        "splits_of",
        "tile_rows",
        "top_k_events",
    ],
    "serving": ["RankingClient", "export_ranker"],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_exactly_these(module):
    loaded = importlib.import_module(module)
    assert sorted(loaded.__all__) == PUBLIC[module]
    for name in PUBLIC[module]:
        assert hasattr(loaded, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        importlib.import_module("mos_tf").Nothing  # noqa: B018
