"""`python -m deploy.packaging_guard`: no stranger's package stands in for one of ours.

Our top-level names are generic, and installers overwrite files silently. The build of the image
runs this guard: every name must be found in this tree, and no other distribution may claim it.
"""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingest.runtime.console import Exit, err, note

NAMES: Final = ("schemas", "ingest", "projections", "producers", "deploy")
OURS: Final = "histoire"
ROOT: Final = Path(__file__).resolve().parent.parent


def strangers(root: Path = ROOT) -> Iterator[str]:
    """One sentence for each name that is not ours alone."""
    owners = importlib.metadata.packages_distributions()
    for name in NAMES:
        spec = importlib.util.find_spec(name)
        origin = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if origin != root / name / "__init__.py":
            yield f"package {name} is found in {origin or 'no file'}, not in {root}"
        foreign = sorted(set(owners.get(name, ())) - {OURS})
        if foreign:
            yield f"package {name} is claimed by {', '.join(foreign)}"


def main() -> int:
    """Exit code 1 when there is one, each named on stderr."""
    found = list(strangers())
    for sentence in found:
        err(sentence, "Remove that distribution from the environment.")
    if not found:
        note(f"packages {', '.join(NAMES)}: ours, from {ROOT}")
    return Exit.FAILED if found else Exit.OK


if __name__ == "__main__":
    sys.exit(main())
