"""SQL kept as SQL: statements are read from `sql/*.sql`, each under a line `-- name: the_name`.

A statement's comment says what it does; it has one Python caller. Nothing here builds SQL from values.
"""

from functools import cache
from importlib.resources import files


@cache
def sheet(name: str) -> dict[str, str]:
    """The statements of `sql/{name}.sql` by their names."""
    text = files("upwell.storage").joinpath("sql", f"{name}.sql").read_text("utf-8")
    found: dict[str, str] = {}
    for block in text.split("-- name: ")[1:]:
        title, _, body = block.partition("\n")
        found[title.strip()] = body.strip().rstrip(";")
    return found
