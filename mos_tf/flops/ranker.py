"""Parts of a `SequenceRanker`: embeddings, the parts of its sequence layer, and the head."""

import keras
import numpy as np

from mos_tf.flops.encoders import weights_of
from mos_tf.flops.mixture_of_sequence import even_themes
from mos_tf.flops.parts import Part, parts
from mos_tf.flops.sequences import Sequences
from mos_tf.layers import HistorySimilarity, MixtureOfSequence
from mos_tf.models import SequenceRanker
from mos_tf.models.head import RankingHead


@parts.register
def _(ranker: SequenceRanker, sequences: Sequences, themes: Sequences | None = None) -> dict[str, Part]:
    sequences = sequences._replace(one_each=False)  # a ranker always says whose the candidates are
    time = [] if ranker.event_time is None else ranker.event_time.trainable_weights
    return {
        "embedding": Part(_embedded(ranker, sequences), ranker.embed.trainable_weights + time),
        **_similarity(ranker, sequences),
        **parts(ranker.sequence, sequences, themes),
        "head": Part(sequences.asked * _of_a_candidate(ranker.head), ranker.head.trainable_weights),
    }


def _similarity(ranker: SequenceRanker, sequences: Sequences) -> dict[str, Part]:
    """What matches adds a vector and an aged one to a sum, which a candidate meets: even themes' events of their own
    resolution, and at every other level, at most, the whole history.
    """
    similarity = ranker.candidate_numbers.similarity
    if similarity is None:
        return {}
    themes = {f"theme_{number}": number for number in (ranker.router.num_themes if ranker.router else ())}
    levels = ("all", *similarity.levels)
    events = sum(
        even_themes(sequences, themes[level]).events if level in themes else sequences.events for level in levels
    )
    return {"similarity": Part(compared(similarity, events, sequences.asked), [])}


def compared(similarity: HistorySimilarity, events: float, candidates: float) -> float:
    """Returns the multiply-adds of comparing matches.

    Args:
        similarity: the layer.
        events: how many match a candidate, summed over its levels.
        candidates: how many there are.
    """
    met = events + (1 + len(similarity.levels)) * candidates
    return met * similarity.numbers_per_level * similarity.dim


def _embedded(ranker: SequenceRanker, sequences: Sequences) -> float:
    """Tables are looked up; numbers and vectors are projected, the vectors as if no item came twice."""
    embed, total = ranker.embed, 0.0
    # A graph leaves out what nobody reads, and a mixture of affinity alone reads no event.
    read = not isinstance(ranker.sequence, MixtureOfSequence) or ranker.sequence.experts
    for role, times in (("history", sequences.events if read else 0.0), ("candidate", sequences.asked)):
        names = [*(name for _, name in embed.columns[role]), *embed.vectors]
        total += times * weights_of(embed.projections[name] for name in names if name in embed.projections)
    return total


def _of_a_candidate(head: RankingHead) -> int:
    dense = [layer for layer in head.sequence_tower.layers if isinstance(layer, keras.layers.Dense)]
    embedded = 0
    if head.has_numbers:
        embedded = int(np.prod(head.embed_numbers.kernel.shape))
        dense += [head.code_weights, *(x for x in head.number_tower.layers if isinstance(x, keras.layers.Dense))]
    for cross in head.crosses:
        dense += [cross.weigh] if cross.down is None else [cross.down, cross.weigh]
    if head.crosses:
        dense.append(head.cross_weights)
    return embedded + weights_of(dense)
