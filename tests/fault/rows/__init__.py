# SPDX-License-Identifier: MIT
"""rows - the scenarios, by what breaks: each a function that breaks something on a stage, proves that it did, and
says what is allowed then. The table is ../table.py."""
