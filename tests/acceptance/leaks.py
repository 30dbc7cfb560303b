"""Which secrets a server knows, read from its database, and whether its log has any of them.

The database is asked for every column that is called a secret, a password or a token, so that what comes to be kept
later is looked for too.
"""

import asyncio
from pathlib import Path
from urllib.parse import quote

import asyncpg

CHARS_MIN = 8  # what is shorter is found in anything
COLUMNS = """
select table_name, column_name, data_type from information_schema.columns
where table_schema = 'public' and column_name ~ '(secret|password|token)' and data_type in ('text', 'bytea')
"""


def secrets_of(data_dir: Path) -> set[str]:
    """Every secret in the database of the server that runs on the data dir, as text."""
    folder, password = ((data_dir / f"postgres.{what}").read_text() for what in ("socket", "password"))
    return asyncio.run(_read(f"postgresql://upwell:{password}@/upwell?host={quote(folder)}&port=5432")) | {password}


def leaked(data_dir: Path, *more: str) -> list[str]:
    """Lines of the log with a secret of the database, or one of `more`, in them."""
    secrets = secrets_of(data_dir) | set(more)
    assert len(secrets) > 1
    text = (data_dir / "serve.log").read_text(errors="replace")
    found = [secret for secret in secrets if len(secret) >= CHARS_MIN and secret in text]
    return [line for line in text.splitlines() if any(secret in line for secret in found)]


async def _read(dsn: str) -> set[str]:
    conn = await asyncpg.connect(dsn)
    try:
        found: set[str] = set()
        for table, column, kind in await conn.fetch(COLUMNS):
            for (value,) in await conn.fetch(f'select "{column}" from "{table}" where "{column}" is not null'):
                found.add(value.hex() if kind == "bytea" else value)
        return found
    finally:
        await conn.close()
