"""A trained ranker as a SavedModel, a server for it on this machine, and a client that asks it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.client import RankingClient
    from serving.export import export_ranker

# Names load when first used: a client needs no exporter, an exporter no gRPC.
_HOMES = {
    "RankingClient": "serving.client",
    "export_ranker": "serving.export",
}

__all__ = ["RankingClient", "export_ranker"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'serving' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
