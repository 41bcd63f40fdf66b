"""The arrows between the packages: mos_tf knows of no other, serving knows mos_tf, tfx_pipeline knows both."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mos_tf", "serving", "tfx_pipeline")
TFX = {
    "apache_beam",
    "kfp",
    "ml_metadata",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "tfx",
    "tfx_bsl",
}
SERVING = {"grpc", "tensorflow_serving"}
FORBIDDEN = {
    "mos_tf": {"serving", "tfx_pipeline"} | TFX | SERVING,
    "serving": {"tfx_pipeline"} | TFX,
    "tfx_pipeline": set(),
}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}


def imports_of(module: str) -> set[str]:
    """Returns every module that the source of `module` imports, anywhere in the file."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and node.level == 0, f"{module}: imports are absolute"
            names = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(package):
    offenders = {
        module: sorted(wrong)
        for module in MODULES
        if module.split(".")[0] == package
        and (wrong := {name for name in imports_of(module) if name.split(".")[0] in FORBIDDEN[package]})
    }
    assert offenders == {}


def test_modules_import_each_other_without_circles():
    graph = {module: imports_of(module) & MODULES.keys() - {module} for module in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_importing_mos_tf_and_asking_for_help_need_no_tensorflow():
    program = (
        "import sys; from mos_tf.cli import main; sys.argv = ['mos', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'keras', 'tensorflow', 'tfx', 'apache_beam', 'grpc', 'pandas'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
