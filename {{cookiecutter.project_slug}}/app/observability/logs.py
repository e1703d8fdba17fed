"""The token backend's log, as lines for people or as JSON. (The worker's is the SDK's own.)"""

import logging
from typing import Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

# As in the worker's log. uvicorn repeats some messages in colour.
JSON = JsonFormatter(
    "{levelname}{name}{message}",
    style="{",
    rename_fields={"levelname": "level"},
    reserved_attrs=[*RESERVED_ATTRS, "color_message"],
    timestamp=True,
)


def choose_log_format(style: Literal["text", "json"]) -> None:
    """Set the format of this program's log, uvicorn's lines included."""
    if style == "text":
        logging.basicConfig(format="%(levelname)s:     %(asctime)s %(message)s")
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JSON)
    logging.basicConfig(handlers=[handler])
    for name in ("uvicorn", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
