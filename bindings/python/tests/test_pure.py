# SPDX-License-Identifier: MIT
"""Functions that need no system, and the runner of the conformance vectors."""

import json
import subprocess
import sys
from pathlib import Path

import libevents
import pytest
from conftest import ROOT

RUNNER = ROOT / "tests" / "conformance" / "vectors.py"
VECTORS = ROOT / "tests" / "conformance" / "vectors"


def run_vectors(folder):
    package = str(Path(libevents.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, str(RUNNER), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": package},
    )


def test_every_conformance_vector_agrees():
    done = run_vectors(VECTORS)
    assert done.returncode == 0, done.stdout + done.stderr
    entries = sum(len(json.loads(path.read_text())) for path in VECTORS.glob("*.json"))
    assert f"total: ran {entries} of {entries}\n" in done.stdout


def test_a_wrong_vector_fails_the_runner(tmp_path):
    entries = json.loads((VECTORS / "patterns.json").read_text())
    entries[3]["matches"] = not entries[3]["matches"]
    (tmp_path / "patterns.json").write_text(json.dumps(entries))
    done = run_vectors(tmp_path)
    assert done.returncode == 1
    assert f"ran {len(entries)} of {len(entries)}, 1 wrong" in done.stdout


def test_each_wrong_value_of_a_configuration_is_told_word_for_word():
    cases = json.loads((ROOT / "tests/unit/config/problems.json").read_text())
    documents = {name: case for name, case in cases.items() if "config" in case}
    assert len(documents) > 500
    for name, case in documents.items():
        assert libevents.check_config(case["config"])["problems"] == case["problems"], name


def test_invalid_pattern_raises_validation_error():
    with pytest.raises(libevents.ValidationError) as caught:
        libevents.matches_pattern("user..created", "user.created")
    assert caught.value.code == "EVS_VALIDATION"
    assert isinstance(caught.value, ValueError)


def test_event_types_are_judged_and_never_raise():
    assert libevents.validate_event_type("user.created")
    assert not libevents.validate_event_type("user_x.created")
    assert libevents.validate_event_type("user_x.created", extended_types=True)
    assert not libevents.validate_event_type("")
    assert not libevents.validate_event_type("\ud800")
    assert not libevents.validate_event_type(None)


def test_unknown_backoff_strategy_is_named():
    with pytest.raises(libevents.ValidationError, match="linear.*fibonacci"):
        libevents.retry_delay("linear", 1, 2, 1)


def test_check_config_lists_every_problem_with_its_path():
    report = libevents.check_config({"servise": "shop", "transports": {"main": {"type": "memry"}}})
    assert report["valid"] is False
    assert len(report["problems"]) >= 2
    assert all(problem["path"].startswith("/") or problem["path"] == "" for problem in report["problems"])


def test_configuration_that_is_not_json_is_refused_with_a_reason():
    with pytest.raises(libevents.ConfigurationError, match="JSON"):
        libevents.check_config({"service": object()})


def test_version_is_that_of_the_library():
    assert libevents.version() == libevents.__version__
    assert libevents.version().count(".") == 2
