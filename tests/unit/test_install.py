"""`make install` lays out what a minion and reclass read, and nothing else."""

import subprocess

import pytest
from harness import ROOT, TREE

pytestmark = pytest.mark.lint


def test_install(tmp_path):
    subprocess.run(["/usr/bin/make", "-s", "install", f"DESTDIR={tmp_path}"], cwd=ROOT, check=True)

    base = tmp_path / "usr/share/salt-formulas"
    found = {path.relative_to(base) for path in base.rglob("*") if path.is_file()}
    wanted = {
        (name if name == "env" else "reclass/service/octavia", path.relative_to(top))
        for name, top, below in (
            *(("env", ROOT, ROOT / part) for part in TREE),
            ("reclass", ROOT / "metadata/service", ROOT / "metadata/service"),
        )
        for path in below.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {str(path) for path in found} == {f"{place}/{path}" for place, path in wanted}
    assert {path.stat().st_mode & 0o777 for path in base.rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in base.rglob("*") if path.is_dir()} == {0o755}
