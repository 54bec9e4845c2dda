"""The wheel holds all it needs: installed alone it renders the example."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_renders(tmp_path, vault_password) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    alone = tmp_path / "alone"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(alone), str(wheel)], check=True
    )
    assert not (alone / "tests").exists()
    assert not (alone / "molecule").exists()
    site = tmp_path / "site.yml"
    shutil.copyfile(ROOT / "examples/single/site.yml", site)
    env = {**os.environ, "PYTHONPATH": str(alone), "PYTHONSAFEPATH": "1"}
    for argv in (
        ["keys", "site.yml"],
        ["passwd", "site.yml", "alice@example.org", "--stdin"],
        ["render", "site.yml", "-o", "build"],
        ["report", "site.yml", "-o", "report.html"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "gmconf", *argv],
            cwd=tmp_path,
            env=env,
            input="correct-horse-7-battery\n",
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "import gmconf; print(gmconf.__file__)"],
        cwd=tmp_path,
        env=env,
        text=True,
        capture_output=True,
    )
    assert where.stdout.startswith(str(alone))
    assert (tmp_path / "build/hosts/mail.example.org/tree/etc/postfix/main.cf").is_file()
    assert "test_mail.py::test_banner" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "build/roles/gmconf/library/gmconf_tree.py").is_file()
