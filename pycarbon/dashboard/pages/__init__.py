"""All pages, in the order of the navigation: a new one is a module with a view, and a line here."""

from __future__ import annotations

from pycarbon.dashboard.page import Page
from pycarbon.dashboard.pages import overview

PAGES = (Page("/", "/api/v1/overview", overview.view, "overview.html", "Overview"),)
