"""The report in one picture, for a README."""

from pathlib import Path

from mos_tf.insight.figures.picture import summary
from mos_tf.insight.run import Run

DPI = 144


def write_picture(run: Run, output: Path) -> None:
    """Writes a PNG of the first timelines and the quality by slice."""
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.name}.part")
    summary(run).png(beside, DPI)
    beside.replace(output)
