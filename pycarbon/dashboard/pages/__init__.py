"""All pages, in the order of the navigation: a new one is a module with a view, and a line here."""

from __future__ import annotations

from pycarbon.dashboard.page import Page
from pycarbon.dashboard.pages import compare, experiment, live, overview, project, run, runs, what_if

_OF_PROJECT = ("organisation", "project")

PAGES = (
    Page("/", "/api/v1/overview", overview.view, "overview.html", "Overview", tables=overview.TABLES),
    Page("/runs", "/api/v1/runs", runs.view, "runs.html", "Runs", tables=runs.TABLES),
    Page("/project", "/api/v1/project", project.view, "project.html", subject=_OF_PROJECT, tables=project.TABLES),
    Page(
        "/experiment",
        "/api/v1/experiment",
        experiment.view,
        "experiment.html",
        subject=(*_OF_PROJECT, "experiment"),
        tables=experiment.TABLES,
    ),
    Page("/run/{id}", "/api/v1/runs/{id}", run.view, "run.html", tables=run.TABLES),
    Page("", "/api/v1/runs/{id}/power", run.power, "", tables=run.POWER_TABLES),
    Page("/compare", "/api/v1/compare", compare.view, "compare.html", "Compare", tables=compare.TABLES),
    Page("/whatif", "/api/v1/whatif", what_if.view, "what_if.html", "What if", tables=what_if.TABLES),
    Page("/live", "/api/v1/live", live.view, "live.html", "Live", tables=live.TABLES),
    Page("/live/{id}", "/api/v1/live/{id}", live.view_one, "live_run.html"),
)
