"""Keys and people: who may ask, who is signed in, and what is one's own."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from upwell.console.asking import V1, Members
from upwell.console.readings.home import PRODUCTS_MAX
from upwell.dialects.spoken import DIALECTS

SHOWN_MAX = 200  # rows; there is a field to find others by


async def read_keys(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """Keys that are of use, or all of them, and what a new one may be limited to."""
    keys = (await v1.get("/keys"))["items"]
    if not query.get("all"):
        keys = [each for each in keys if _is_live(each)]
    shown = _found(keys, query, lambda key: (key["id"], key["dialect"], key.get("user", ""), key.get("product_id", "")))
    return {
        "keys": shown[:SHOWN_MAX],
        "tongues": DIALECTS,
        "more": max(0, len(shown) - SHOWN_MAX),
        "products": (await v1.get("/products", limit=PRODUCTS_MAX))["items"],
        "spaces": (await v1.get("/spaces"))["items"],
    }


async def read_users(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """Users, and which of them are signed in."""
    shown = _found((await v1.get("/users"))["items"], query, lambda user: (user["name"], user["id"], user["role"]))
    return {
        "users": shown[:SHOWN_MAX],
        "more": max(0, len(shown) - SHOWN_MAX),
        "signed_in": {each["user"]["id"] for each in (await v1.get("/sessions"))["items"]},
    }


async def read_user(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A user and their sessions."""
    user = await v1.get("/users/{}", ids["user_id"])
    return {"user": user, "sessions": (await v1.get("/sessions", user_id=user["id"]))["items"]}


async def read_sessions(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """Who is signed in."""
    sessions = (await v1.get("/sessions"))["items"]
    shown = _found(sessions, query, lambda each: (each["user"]["name"], each.get("address", ""), each["id"]))
    return {"sessions": shown[:SHOWN_MAX], "more": max(0, len(shown) - SHOWN_MAX)}


async def read_account(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """Who is signed in, where else, and by which keys of theirs."""
    return {
        "me": await v1.get("/me"),
        "sessions": (await v1.get("/me/sessions"))["items"],
        "keys": [each for each in (await v1.get("/me/keys"))["items"] if _is_live(each)],
    }


def _is_live(key: Members) -> bool:
    ends = key.get("expires_at")
    return "revoked_at" not in key and (ends is None or datetime.fromisoformat(ends) > datetime.now(UTC))


def _found(
    items: Iterable[Members], query: Mapping[str, str], words: Callable[[Members], tuple[str, ...]]
) -> list[Members]:
    """Those that have the text that is looked for in one of these words."""
    text = query.get("q", "").strip().casefold()
    return [each for each in items if any(text in word.casefold() for word in words(each))]
