"""Logs of a role as JSON lines on standard output, for machines that collect them.

One line a record: when, how bad, who says it, what. The edge writes its request log
(``edge.request_log``) into the same stream. The one invariant: nothing is added to what the code
itself says, so a line holds an address or an agent only if a message does, and none may.
"""

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; a traceback is one of its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line, without its end."""
        document = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "kind": "log",
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False)


def log_json_lines() -> None:
    """Let every record of this process go to standard output as a line of JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
