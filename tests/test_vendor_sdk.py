"""What ``edgekd doctor`` is told about SDKs that only a vendor hands out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgekd.catalog import find_targets
from edgekd.target import VendorSdk
from edgekd.vendor_sdk import missing_sdk


@pytest.mark.parametrize(
    ("name", "sdk", "lacks"),
    [
        ("qnn-sm8650", "Qualcomm AI Engine Direct (QNN)", "QNN_SDK_ROOT"),
        ("mediatek-mt6989", "MediaTek NeuroPilot Express", "mtk_neuron"),
        ("samsung-e9955", "Samsung Exynos AI LiteCore", "PyEnnWrapperAdaptor"),
        ("nxp-imxrt700", "NXP eIQ Neutron SDK", "eiq_neutron_sdk"),
    ],
)
def test_what_is_missing_is_named(
    name: str, sdk: str, lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QNN_SDK_ROOT", raising=False)
    [target] = find_targets([name])
    assert target.sdk is not None
    line = missing_sdk(target.sdk)
    assert line is not None
    assert line.startswith(f"needs the vendor's SDK {sdk}: ")
    assert lacks in line
    assert "see http" in line


def test_an_installed_sdk_lacks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = VendorSdk(name="Acme", module="acme_sdk", variable="ACME_ROOT", where="acme.example")
    monkeypatch.setenv("ACME_ROOT", str(tmp_path / "missing"))
    assert "names no folder" in (missing_sdk(sdk) or "")
    monkeypatch.setenv("ACME_ROOT", str(tmp_path))
    assert "acme_sdk is not installed" in (missing_sdk(sdk) or "")
    # A module that would fail, were it imported.
    (tmp_path / "acme_sdk.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert missing_sdk(sdk) is None
    assert "acme_sdk" not in sys.modules
