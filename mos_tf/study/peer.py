"""`Peer`: what a user would otherwise take, as one run of it. Imports nothing heavy."""

from pydantic import BaseModel, ConfigDict


class Peer(BaseModel):
    """Which of `PEERS`, a seed, and which of its trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int
    trial: int = 0

    @property
    def title(self) -> str:
        """What is said of it."""
        return self.name

    @property
    def file_name(self) -> str:
        """Where its result lies."""
        return f"peer~{self.name}~{self.seed}~{self.trial}.json".replace(" ", "_").replace(",", "")
