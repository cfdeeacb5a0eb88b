"""``python -m maskconv``, and the console script: quiet from the first moment on, while the rest is still being imported."""

import os
import signal
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)  # until the run has its own way with it
    from maskconv.cli import main as run

    try:
        run()
    finally:
        if signal.getsignal(signal.SIGINT) is _stopped:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stopped(number: int, _: FrameType | None) -> None:
    os.write(2, b"error: stopped by Ctrl-C; nothing was written\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
