"""The steps from each version of a schema to the next.

Every version n with a version n + 1 has exactly one entry: a function in `UPCASTERS` where Avro's
resolution is not enough, or a mention in `RESOLVED_AS_IS`. The catalogue does not load otherwise:
whoever adds a version must have thought about the stored datums of the version before.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Step: TypeAlias = tuple[str, int]
"""Short name of a schema, and the version from which the step starts."""

Upcaster: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes a datum of version n + 1 from one of version n. Never raises on a valid datum."""

UPCASTERS: Final[Mapping[Step, Upcaster]] = {}

RESOLVED_AS_IS: Final[frozenset[Step]] = frozenset(
    {
        # Version 1 has no sentences, link and warnings: readers find sentences by the code.
        ("Outcome", 1),
        ("OutcomeBatch", 1),
        # Every notification of version 1 concerns a document and has its type.
        ("Notification", 1),
    }
)
"""Steps for which plain Avro resolution (defaults, aliases, promotions) is enough."""
