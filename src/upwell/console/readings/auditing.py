"""The audit: who did what, when, from where, with which result."""

from collections.abc import Mapping

from upwell.console.asking import V1, Members, kept, tried

PAGE = 50
FILTERS = ("who", "operation", "result", "since", "until")


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of entries."""
    filters = kept(query, *FILTERS)
    page = await tried(v1.get("/audit", limit=PAGE, **filters, **kept(query, "cursor")))
    return {"page": page, "filters": filters}
