"""What Avro's resolution alone can't do when an old version is read as the next: in one place.

For every version n of a record that has a version n + 1 there is exactly one entry, either a
function in `UPCASTERS` or a mention in `RESOLVED_AS_IS`; the registry refuses to load otherwise.
So nobody adds a version without having thought of what the stored ones mean in it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Step: TypeAlias = tuple[str, int]
"""Short name of a record, and the version a step starts from."""

Upcaster: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a datum of version n, gives one of n + 1. Total: it never raises on a valid datum."""

UPCASTERS: Final[Mapping[Step, Upcaster]] = {}

RESOLVED_AS_IS: Final[frozenset[Step]] = frozenset(
    {
        # No sentences, no link, no warnings: the reader looks the sentences up by their code.
        ("Outcome", 1),
        ("OutcomeBatch", 1),
        # Every notification was of a document, whose type it says.
        ("Notification", 1),
    }
)
"""Steps for which plain Avro resolution (defaults, aliases, promotions) says it all."""
