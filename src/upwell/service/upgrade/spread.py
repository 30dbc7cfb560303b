"""How many devices of a product run which version of a module, counted as it changes, and kept by the hour.

Whoever writes what devices run, or forgets it, moves the counters in the same transaction, in rows that only its
database connection writes; the devices' rows are locked by then, so what each ran before is certain. Folding the rows
together writes what they come to into the present hour, so an hour in which nothing changes has no row.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from upwell.domain.spread import UNKNOWN, Counted, Place, Spread
from upwell.service.context import Context
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("spread")
FOLDED_AT_ONCE = 100  # products
Moves = Counter[tuple[int, Place]]  # by product and place
Said = tuple[int, str, str | None]  # product, module, version


async def placed(conn: Connection, said: Sequence[Said]) -> list[Counted]:
    """Where each of these versions, by product and module, is to be counted, which its row is to say."""
    if not said:
        return []
    wanted = set(said)
    spreads = await _spreads(conn, wanted)
    found = {each: spreads[each[0]].counted(each[1], each[2]) for each in sorted(wanted, key=str)}
    return [found[each] for each in said]


def moves_in(rows: Iterable[Row]) -> Moves:
    """The moves that a statement returned which wrote versions."""
    moves = Moves()
    for row in rows:
        moves[row["product_id"], Place.of(row["module"], row["version"], row["counted"])] += row["by"]
    return moves


async def move(conn: Connection, moves: Moves) -> None:
    """Count them. To be called in the transaction that writes the versions."""
    moved = [(product_id, place, by) for (product_id, place), by in sorted(moves.items()) if by]
    if moved:
        await conn.execute(
            *_Q["move"](
                product_ids=[product_id for product_id, _, _ in moved],
                modules=[place.module for _, place, _ in moved],
                versions=[place.version for _, place, _ in moved],
                rare=[place.rare for _, place, _ in moved],
                by=[by for _, _, by in moved],
            )
        )


async def forget(conn: Connection, device_ids: Sequence[UUID]) -> None:
    """Forget what these locked devices run."""
    moves = Moves()
    for row in await conn.fetch(*_Q["forget"](device_ids=device_ids)):
        moves[row["product_id"], Place.of(row["module"], row["version"], row["counted"])] -= row["n"]
    await move(conn, moves)


async def fold_all(ctx: Context) -> None:
    """Fold the rows of each product together, those that nobody writes at this moment."""
    after: int | None = 0
    while after is not None:
        async with ctx.upkeep.connection() as conn:
            rows = await conn.fetch(*_Q["products_apart"](after=after, at_most=FOLDED_AT_ONCE))
            for row in rows:
                await conn.execute(*_Q["fold"](product_id=row["product_id"], now=ctx.now()))
                await conn.execute(*_Q["forget_empty"](product_id=row["product_id"]))
        after = rows[-1]["product_id"] if len(rows) == FOLDED_AT_ONCE else None


async def _spreads(conn: Connection, said: Iterable[Said]) -> Mapping[int, Spread]:
    """What is told apart of the products: most versions are known already, and then no more is asked."""
    wanted = sorted({(product_id, module, version or UNKNOWN) for product_id, module, version in said})
    products, modules, versions = zip(*wanted, strict=True)
    known = _Q["known"](product_ids=products, modules=modules, versions=versions)
    rows = await conn.fetch(*known)
    if len(rows) < len(wanted):
        rows = await conn.fetch(*_Q["all_known"](product_ids=sorted(set(products))))
    pairs: dict[int, list[tuple[str, str]]] = {product_id: [] for product_id in products}
    for row in rows:
        pairs[row["product_id"]].append((row["module"], row["version"]))
    return {product_id: Spread.of(some) for product_id, some in pairs.items()}
