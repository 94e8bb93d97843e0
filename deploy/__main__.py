"""The command `histoire`, also `python -m deploy`: Ctrl-C ends it from the first import on."""

import sys

_INTERRUPTED = 130
"""`Exit.INTERRUPTED` of ingest.runtime.console, which is not imported yet."""


def main() -> None:
    """Entry point. Importing all commands takes most of a second, in which Ctrl-C ends quietly."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
