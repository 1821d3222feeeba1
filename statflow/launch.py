"""Run a program that dies with its parent: ``python -m statflow.launch PARENT PROGRAM [ARG ...]``.

The supervisor starts every part through this, so that none outlives a supervisor that was killed.
PARENT is the supervisor's process id: it may have died before we could ask for the signal.
The kernel keeps the parent-death signal across ``execve``, so it works for Redis as well.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for SIGTERM at the parent's death, then become the program."""
    parent = int(sys.argv[1])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - our own supervisor names the program


if __name__ == "__main__":
    main()
