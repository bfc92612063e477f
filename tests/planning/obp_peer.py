"""Runs in obp's own environment: its synthetic data, its estimates, as one JSON object.

Open Bandit Pipeline 0.5.7 asks for torch 1.12 and Python below 3.11. Its estimators need neither,
so torch is a name without anything behind it here.
"""

import json
import sys
import types

import numpy as np

DECISIONS = 400


def absent(name):
    """A module whose every name is a class, or a decorator that does nothing."""
    module = types.ModuleType(name)
    module.__path__ = []

    def given(attribute):
        if attribute[0].isupper():
            return type(attribute, (object,), {})
        return lambda *_, **__: lambda made: made

    module.__getattr__ = given
    sys.modules[name] = module


for missing in (
    "torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data",
    "pyieoe", "pyieoe.evaluator",
):  # fmt: skip
    absent(missing)
    if "." in missing:
        parent, _, name = missing.rpartition(".")
        setattr(sys.modules[parent], name, sys.modules[missing])

from obp.dataset import SyntheticBanditDataset, logistic_reward_function  # noqa: E402
from obp.ope import (  # noqa: E402
    DoublyRobust,
    InverseProbabilityWeighting,
    SelfNormalizedInverseProbabilityWeighting,
)

dataset = SyntheticBanditDataset(
    n_actions=6,
    dim_context=4,
    reward_function=logistic_reward_function,
    beta=1.0,
    random_state=1,
)
feedback = dataset.obtain_batch_bandit_feedback(DECISIONS)
expected = feedback["expected_reward"]
wanted = np.exp(3 * expected) / np.exp(3 * expected).sum(axis=1, keepdims=True)
guess = np.clip(expected + np.random.default_rng(0).normal(0, 0.1, expected.shape), 0, 1)
rows, action = np.arange(DECISIONS), feedback["action"]
estimates = {
    name: float(
        one.estimate_policy_value(
            reward=feedback["reward"],
            action=action,
            pscore=feedback["pscore"],
            action_dist=wanted[:, :, None],
            position=np.zeros(DECISIONS, dtype=int),
            **more,
        )
    )
    for name, one, more in (
        ("ips", InverseProbabilityWeighting(), {}),
        ("snips", SelfNormalizedInverseProbabilityWeighting(), {}),
        ("dr", DoublyRobust(), {"estimated_rewards_by_reg_model": guess[:, :, None]}),
    )
}
logged = {
    "reward": feedback["reward"].astype(float),
    "propensity": feedback["pscore"],
    "wanted": wanted[rows, action],
    "guess": guess[rows, action],
    "guess_wanted": (wanted * guess).sum(axis=1),
}
print(
    json.dumps(
        {
            "logged": {name: part.tolist() for name, part in logged.items()},
            "estimates": estimates,
            "truth": float((wanted * expected).sum(axis=1).mean()),
        }
    )
)
