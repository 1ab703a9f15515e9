"""A comparison of variants for a notebook."""

from __future__ import annotations

from html import escape

from pycarbon.comparison import Comparison
from pycarbon.reports import contrast_rows
from pycarbon.reports.verdicts import circumstances, noise, verdicts


def render(found: Comparison) -> str:
    """Give a table and the verdicts, without scripts and styles of its own."""
    heads, rows = contrast_rows.cells(found)
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    words = "".join(f"<p><b>{escape(text)}</b></p>" for text in verdicts(found))
    rest = "".join(
        f"<p>{escape(text)}</p>" for text in [noise(found), *circumstances(found), *found.warnings] if text
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{words}{rest}"
