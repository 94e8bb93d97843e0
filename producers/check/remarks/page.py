"""The page of documentation of the remarks: `python -m producers.check.remarks.page`.

`docs/remarks.md` is its output; a test keeps both equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from schemas.rules.table.page import escaped
from schemas.rules.table.rejections import REJECTIONS

from .remarks import REMARKS, RemarkRow

_HEAD: Final = """\
# Remarks

What `histoire check` remarks in a CDA beside broken rules. A remark rejects nothing. Where it names
a [rule](rules.md), that rule is asked of the document once it is sent. This page is made of
`producers/check/remarks/remarks.tsv` by
`python -m producers.check.remarks.page > docs/remarks.md`.

**warn**: with `--strict` the file does not pass. **info**: to be looked at. The English sentence
tells what was found, without values of the document.

| remark | code | severity | en français |
| --- | --- | --- | --- |"""


def page(remarks: Iterable[RemarkRow] = REMARKS.values()) -> str:
    """The page, as Markdown: one heading with an anchor, the remark's id, for each remark."""
    told = list(remarks)
    lines = [_HEAD, *map(_row, told), ""]
    for remark in told:
        lines += _section(remark)
    return "\n".join(lines)


def _row(remark: RemarkRow) -> str:
    rule = remark.rule
    cells = (f"[{rule}](#{rule})", f"`{remark.code}`", remark.severity, escaped(remark.french))
    return f"| {' | '.join(cells)} |"


def _section(remark: RemarkRow) -> Iterator[str]:
    yield f'## <a id="{remark.rule}"></a>{remark.rule}: `{remark.code}`\n'
    yield f"- **Severity**: {remark.severity}"
    yield f"- **En français**: {escaped(remark.french)}"
    yield f"- **Repair**: {escaped(remark.repair)}"
    if remark.place:
        yield f"- **Where**: `{remark.place}`"
    rule = REJECTIONS.get(remark.code)
    if rule is not None:
        yield f"- **Rule on what is sent**: [{rule.rule_id}](rules.md#{rule.rule_id})"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
