"""What a page is: where it is asked for, the figures it shows, and the template that lays them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pycarbon.errors import PyCarbonError

Pairs = list[tuple[str, str]]
"""The parameters of an address, in order, as `store.filters.from_query` reads them."""

View = Callable[..., dict[str, Any]]
"""`view(store, pairs, **path)`: a page's figures as plain values that JSON can hold; `path` has the parts in braces.

It changes nothing. PyCarbonError where what was asked for is no good (status 400), Missing where it is not there.
"""

Columns = Mapping[str, str]
"""The columns of a table that is shown: their names, and "text", "float", "int" or "bool"."""


class Missing(PyCarbonError):
    """Something that is asked for and not in the store: status 404."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `tables` are the members of the view that are lists of rows, with their columns: they can be had as
    CSV and Parquet (`?format=csv&table=NAME`; the first one where no name is given).

    `label` is its name in the navigation, empty where it has no place there. `subject` names the parameters that say
    what the page is about; the others filter it. Without a `path` it is for programs only.
    """

    path: str
    api_path: str
    view: View
    template: str
    label: str = ""
    subject: tuple[str, ...] = ()
    tables: Mapping[str, Columns] = field(default_factory=dict)
