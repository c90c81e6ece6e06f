# SPDX-License-Identifier: MIT
"""Another validator's opinion: reads lines [schema, instance] and writes for each whether python-jsonschema takes it. A
program of its own, since it needs newer packages than what runs the tests may have loaded."""

import json
import sys

import pip_package

pip_package.need("jsonschema", "4.26.0")

import jsonschema  # noqa: E402

for line in sys.stdin:
    schema, instance = json.loads(line)
    print(json.dumps(jsonschema.Draft202012Validator(schema).is_valid(instance)))
