"""`ThemeNames`: what a theme is about, in the words of its most frequent tokens."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mos_tf.errors import MosError

WORDS = 3


@dataclass(frozen=True)
class ThemeNames:
    """Names of the themes at the resolution that routes.

    Attributes:
        tokens: theme → its most frequent tokens, most frequent first.
    """

    tokens: dict[int, list[str]]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads `themes.json` of a pipeline run.

        Raises:
            MosError: no such file, or another format.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            without_theme = int(content["routing_resolution"])
            themes = content["themes"][str(without_theme)]
            rows = zip(content["tokens"], themes, content["counts"], strict=False)  # the unknown token has no string
            tokens: dict[int, list[str]] = {}
            for token, theme, _ in sorted(rows, key=lambda row: -row[2]):
                if theme != without_theme:
                    tokens.setdefault(theme, []).append(token)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MosError(f"theme names are read from a run's themes.json. Received: {path}: {error!r}") from error
        return cls({theme: found[:WORDS] for theme, found in tokens.items()})
