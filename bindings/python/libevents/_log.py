# SPDX-License-Identifier: MIT
"""What the library has to say beside its results goes to the logger `libevents`."""

import json
import logging

from .message import Report

logger = logging.getLogger("libevents")

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def tell(report: Report) -> None:
    """Passes on a report of the kind EVS_REPORT_LOG."""
    said = json.loads(report.detail())
    logger.log(_LEVELS.get(said["level"], logging.WARNING), "%s: %s", said["component"], said["message"])
