"""Open Bandit Pipeline beside us, in an environment of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kiosk.planning import ESTIMATORS, Logged, estimate

HERE = Path(__file__).parent
NEEDED = ("numpy", "scipy", "pandas", "scikit-learn", "tqdm", "matplotlib", "seaborn", "pyyaml")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_our_estimates_equal_those_of_open_bandit_pipeline_on_its_synthetic_data(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path], check=True)
    pip = (tmp_path / "bin/python", "-m", "pip", "install", "-q")
    subprocess.run([*pip, *NEEDED], check=True)
    # It asks for torch 1.12 and an older Python; see obp_peer.py.
    subprocess.run([*pip, "--no-deps", "--ignore-requires-python", "obp==0.5.7"], check=True)
    told = subprocess.run(
        [tmp_path / "bin/python", HERE / "obp_peer.py"], check=True, capture_output=True, text=True
    )
    peer = json.loads(told.stdout)
    logged = Logged(**{name: np.array(part) for name, part in peer["logged"].items()})
    for name in ESTIMATORS:
        ours = estimate(name, logged, seed=1, block=1)
        assert ours.value == pytest.approx(peer["estimates"][name], abs=1e-9)
