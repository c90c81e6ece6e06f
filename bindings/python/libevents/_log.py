# SPDX-License-Identifier: MIT
"""What the library has to say beside its results goes to the logger `libevents`."""

import json
import logging

from .message import Report

logger = logging.getLogger("libevents")

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def tell(report: Report) -> None:
    """Passes on a report of the kind EVS_REPORT_LOG.

    The record has `component`, `fields`, and `repeated`: how often the same was said besides and held back.
    """
    said = json.loads(report.detail())
    fields, repeated = said.get("fields", {}), said["repeated"]
    text = f"{said['component']}: {said['message']}"
    if fields:
        text += f" ({', '.join(f'{name} {value}' for name, value in fields.items())})"
    if repeated:
        text += f" (and {repeated} more)"
    extra = {"component": said["component"], "fields": fields, "repeated": repeated}
    logger.log(_LEVELS.get(said["level"], logging.WARNING), "%s", text, extra=extra)
