# SPDX-License-Identifier: MIT
"""libevents.testing: what tests of programs that use libevents need. See docs/testing.md."""
