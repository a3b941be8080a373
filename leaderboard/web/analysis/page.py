"""What the pages of analytics have in common: the links between them, and the form of a range."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from leaderboard.web.analysis.ranges import Asked, reach
from leaderboard.web.rendering import Tab, render, services

_PRESETS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
# Text, endpoint, and the other endpoints of the same section.
_SECTIONS = (
    ("Events", "analytics_pages.show", ("analytics_pages.event",)),
    ("Counters", "analytics_pages.counters", ()),
    ("Active players", "analytics_pages.active", ()),
    ("Retention", "analytics_pages.show_retention", ()),
    (
        "Funnels",
        "funnel_pages.show_all",
        tuple(f"funnel_pages.{name}" for name in ("show", "declare", "change", "remove")),
    ),
)


def analytics_page(template: str, game: str, **values: Any) -> str:
    """A page of analytics: the template of that name, with the links to the others."""
    here = request.endpoint
    sections = [Tab(text, url_for(name, game=game), here in (name, *others)) for text, name, others in _SECTIONS]
    return render(f"analytics/{template}.html", game=game, sections=sections, root=request.url_root, **values)


def range_values(asked: Asked, endpoint: str, path: Mapping[str, Any], **kept: Any) -> dict[str, Any]:
    """What the form of a range needs. `path`: what is in the page's address; `kept`: parameters that a preset keeps."""
    presets = [
        Tab(_PRESETS[name], url_for(endpoint, **path, **kept, range=name), asked.preset == name)
        for name in asked.presets
    ]
    return {
        "asked": asked,
        "presets": presets,
        "reach": reach(asked),
        "zone": services().calendar_of(path["game"]).time_zone,
        "range_action": url_for(endpoint, **path),
    }
