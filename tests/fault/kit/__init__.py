# SPDX-License-Identifier: MIT
"""kit - what rows of the fault table are written with: ledgers, the checker, processes, the stage."""
