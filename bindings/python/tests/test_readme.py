# SPDX-License-Identifier: MIT
"""Every Python example of the README runs."""

import re

import pytest
from conftest import ROOT, run_script

README = (ROOT / "bindings" / "python" / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
OUTPUTS = [
    "order.placed {'id': 7} order-events 1\n",
    "order.paid {'id': 7}\n",
    "user-events\n",
    "order.placed\n",
    "the body is not valid by version 1.0.0 of order.placed: /id is too small\n",
    "0 open\nTrue\n",
]


def test_every_example_has_an_expected_output():
    assert len(EXAMPLES) == len(OUTPUTS)


@pytest.mark.parametrize("example, output", list(zip(EXAMPLES, OUTPUTS)))
def test_example_runs(example, output):
    done = run_script(example)
    assert (done.returncode, done.stderr) == (0, "")
    assert output in done.stdout
