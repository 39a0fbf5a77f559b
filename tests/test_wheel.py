"""The built wheel, installed alone into an empty environment, outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT),
        cwd=out,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that has the wheel and no extra."""
    folder = tmp_path_factory.mktemp("installed")
    assert run(sys.executable, "-m", "venv", folder / "venv", cwd=folder).returncode == 0
    binaries = folder / "venv" / "bin"
    pip = run(
        *(binaries / "python", "-m", "pip", "install", "--disable-pip-version-check"),
        *("--constraint", ROOT / "constraints.txt", wheel),
        cwd=folder,
    )
    assert pip.returncode == 0, pip.stdout + pip.stderr
    return binaries


def test_recipes_targets_and_templates_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for path in [*ROOT.glob("targets/*.yaml"), *ROOT.glob("models/*/*.*")]:
        assert f"edgekd/{path.relative_to(ROOT)}" in names
    assert "edgekd/report/templates/report.html.j2" in names
    assert not any(name.startswith("tests/") for name in names)


def test_it_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    targets = run(installed / "edgekd", "targets", cwd=tmp_path)
    assert targets.returncode == 0, targets.stderr
    assert "host-litert" in targets.stdout
    models = run(installed / "edgekd", "models", cwd=tmp_path)
    assert "mnist" in models.stdout
    doctor = run(installed / "edgekd", "doctor", cwd=tmp_path)
    assert "the Python package onnxruntime" in doctor.stdout


def test_a_missing_package_is_one_line_that_names_the_extra(
    installed: Path, tmp_path: Path
) -> None:
    result = run(installed / "edgekd", "run", "digits", cwd=tmp_path)
    assert result.returncode == 2
    [line] = result.stderr.strip().splitlines()
    assert "sklearn is not installed" in line
    assert 'pip install "edgekd[data]"' in line
    assert not (tmp_path / "runs").exists()


def test_the_heavy_commands_work_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """With this environment's packages, but edgekd itself from the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import edgekd;"
        f" assert edgekd.__file__.startswith({str(tmp_path)!r});"
        " from edgekd.catalog import find_recipe;"
        f" assert str(find_recipe('mnist')).startswith({str(tmp_path)!r});"
        " from edgekd.cli import main; sys.argv = ['edgekd', 'run', 'mnist', '--dry-run']; main()"
    )
    result = run(sys.executable, "-P", "-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "run   teacher/network" in result.stdout
