# SPDX-License-Identifier: MIT
"""cheat_test.py - a consumer that acknowledges without handling is caught, in each language, in a real run."""

from __future__ import annotations

import pytest
from kit.members import LANGUAGES
from kit.stage import Stage


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_consumer_that_acknowledges_without_handling_is_caught(language, tmp_path):
    with Stage(tmp_path / "stage", seed=1) as stage:
        stage.consumers(language, cheat=True)
        stage.publish(10)
        stage.prove("it cheats")
        with pytest.raises(AssertionError, match="LOST 10"):
            stage.settle()
