"""The audit: who did what, when, from where, with which result."""

from collections.abc import Mapping

from upwell.console.asking import V1, File, Members, kept, tried

PAGE = 50
FILTERS = ("who", "operation", "about", "result", "since", "until")


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of entries."""
    filters = kept(query, *FILTERS)
    page = await tried(v1.get("/audit", limit=PAGE, **filters, **kept(query, "cursor")))
    return {"page": page, "filters": filters}


async def read_file(v1: V1, query: Mapping[str, str]) -> File:
    """All entries that the list has, oldest first. Raises UpwellError."""
    return await v1.file("/audit/export", **kept(query, *FILTERS, "format"))
