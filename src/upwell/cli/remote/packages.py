"""`upwell package …`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.remote.acting import LIST_MAX, SORT, At, Every, Limit, Yes, verb
from upwell.cli.remote.progress import send
from upwell.cli.telling import Column, member, minute, moment, of, size

Sort = Literal["name", "-name", "created_at", "-created_at", "modified_at", "-modified_at", "size", "-size"]
app = noun("Packages: a version of a module, ready to install.", name="package")
PackageId = Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's id, pkg_….")]
COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("name", member("name")), ("version", member("version")), ("status", member("status")),
    ("size", lambda p: size(p["size"])), ("made", moment("created_at")),
)  # fmt: skip


@verb(
    app, "upload", "upwell package upload lamp-2.0.bin --product lamp-eu --version 2.0",
    "upwell package upload lamp-2.1.diff --product lamp-eu --version 2.1 --delta-from 2.0",
    "upwell package upload lamp-3.0.bin --product lamp-eu --version 3.0 --after 2.0 --after 2.1",
)  # fmt: skip
def upload(
    at: At,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The firmware.")],
    version: Annotated[str, typer.Option(help="What devices run once they have it.")],
    product: Annotated[str | None, typer.Option(metavar="PRODUCT", help="Whose; every product's without.")] = None,
    module: Annotated[str | None, typer.Option(help="The module that it installs; else the whole device.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it; else the file's name and the version.")] = None,
    delta_from: Annotated[str | None, typer.Option(metavar="VERSION", help="It is a difference from that.")] = None,
    source: Annotated[list[str] | None, typer.Option(metavar="VERSION", help="It may follow this one alone.")] = None,
    after: Annotated[
        list[str] | None, typer.Option(metavar="VERSION", help="It may follow this one; others are led there first.")
    ] = None,
    verify_first: Annotated[bool, typer.Option("--verify", help="It is tried by `package verify` first.")] = False,
    description: Annotated[str | None, typer.Option(help="What is new.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="UPLOAD", help="Go on with an upload that was left.")] = None,
    part_size: Annotated[int | None, typer.Option(metavar="BYTES", help="How much is sent again after a cut.")] = None,
) -> None:
    """Upload a file and make a package of it. A connection that is cut, or a server that restarts, costs the part that
    was under way: the rest goes on. What the server has is compared with the file by SHA-256."""
    called = name or (file.stem if version in file.stem else f"{file.stem} {version}")
    done = send(at, file, resume, part_size)
    made = at.client.create_package(
        name=called, version=version, product_id=product, module=module, upload_id=done["id"],
        sha256=done.get("sha256"), delta_from=delta_from, source_versions=source or None, after=after or None,
        verify=verify_first, description=description,
    )  # fmt: skip
    at.one(
        made, ("id", made["id"]), ("name", made["name"]), ("version", made["version"]), ("size", size(made["size"])),
        ("sha256", made.get("sha256")), ("status", made["status"]),
    )  # fmt: skip
    if made["status"] == "unverified":
        at.say(f"\nNext: try it on a device: upwell package verify {made['id']} --device NAME")
    else:
        at.say(f"\nNext: upwell rollout start {made['id']} --all")


@verb(app, "list", "upwell package list --product lamp-eu")
def list_(
    at: At,
    product: Annotated[str | None, typer.Option(metavar="PRODUCT", help="Only of this product.")] = None,
    module: Annotated[str | None, typer.Option(help="Only of this module.")] = None,
    version: Annotated[str | None, typer.Option(help="Only of this version.")] = None,
    sort: Annotated[Sort | None, typer.Option(help=SORT)] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show packages, newest first."""
    listed = at.client.list_packages(product_id=product, module=module, version=version, sort=sort)
    at.pages(COLUMNS, listed, "no packages; `upwell package upload --help` makes one", limit, every)


@verb(app, "show", "upwell package show pkg_0000000000000007")
def show(at: At, package: PackageId) -> None:
    """Show a package: what it installs, its digests, whether it may be rolled out."""
    found = at.client.show_package(package)
    at.one(
        found, ("id", found["id"]), ("name", found["name"]), ("version", found["version"]),
        ("module", found["module"]), ("product", found.get("product_id") or "every product"),
        ("status", found["status"]), ("over", found.get("source_version") or found.get("source_versions")),
        ("after", found.get("after")),
        ("size", f"{size(found['size'])} ({found['size']} bytes)"), ("sha256", found.get("sha256")),
        ("md5", found.get("md5")), ("file", found["object_state"]), ("description", found["description"]),
        ("made", minute(found["created_at"])),
    )  # fmt: skip
    if found["status"] in ("verified", "exempt"):
        at.say(f"\nNext: upwell rollout start {package} --all")
    elif found["status"] == "unverified":
        at.say(f"\nNext: try it on a device: upwell package verify {package} --device NAME")


@verb(app, "verify", "upwell package verify pkg_0000000000000007 --device kitchen-1")
def verify(
    at: At,
    package: PackageId,
    device: Annotated[list[str], typer.Option(metavar="NAME", help="A device's name; may be given again.")],
    product: Annotated[str | None, typer.Option(help="Where the package is every product's: of which.")] = None,
    timeout: Annotated[int | None, typer.Option(metavar="MIN", help="Minutes from the first progress.")] = None,
) -> None:
    """Try a package on some devices; it is verified when they run it."""
    found = at.client.show_package(package)
    made = at.client.create_rollout(
        kind="verify", package_id=package, product_id=product or found.get("product_id") or "",
        targets={"device_names": device}, timeout_min=timeout,
    )  # fmt: skip
    at.one(made, ("id", made["id"]), ("devices", len(set(device))))
    at.say(f"\nNext: upwell rollout watch {made['id']}")


@verb(app, "delete", "upwell package delete pkg_0000000000000007 --yes")
def delete(at: At, package: PackageId, yes: Yes = False) -> None:
    """Delete a package that no rollout is bringing out."""
    found = at.client.show_package(package)
    at.sure(f"This deletes {found['name']} ({found['version']}); {of(0, 'device')} are touched.", yes)
    at.client.delete_package(package)
    at.say(f"deleted {package}")
