"""The operations of `/v1`, each a method of its operationId.

Written by tools/client.py from the table of operations; do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from upwell.client import shapes as s
from upwell.client.asking import ask, path
from upwell.client.blocking import Blocking
from upwell.client.http import Pages


class Operations(Blocking):
    """What may be asked."""

    def create_space(self, *, name: str, idempotency_key: str | None = None) -> s.Space:
        """Make a space. Needs the role admin. `POST /v1/spaces`"""
        return self._one(ask("POST", "/spaces", body={"name": name}, idempotency_key=idempotency_key), s.Space)

    def list_spaces(
        self, *, sort: Literal["name", "-name", "created_at", "-created_at"] | None = None
    ) -> list[s.Space]:
        """All spaces, newest first. Needs the role viewer. `GET /v1/spaces`"""
        return self._many(ask("GET", "/spaces", query={"sort": sort}), s.Space)

    def show_space(self, space_id: str) -> s.Space:
        """A space. Needs the role viewer. `GET /v1/spaces/{space_id}`"""
        return self._one(ask("GET", path("/spaces/{}", space_id)), s.Space)

    def update_space(self, space_id: str, *, name: str, if_match: Mapping[str, Any] | str | None = None) -> s.Space:
        """Rename a space. Needs the role admin. `PATCH /v1/spaces/{space_id}`"""
        return self._one(ask("PATCH", path("/spaces/{}", space_id), body={"name": name}, if_match=if_match), s.Space)

    def delete_space(
        self, space_id: str, *, with_everything: bool, if_match: Mapping[str, Any] | str | None = None
    ) -> None:
        """Delete a space and all that is in it. Its products and their devices go too; `with_everything` must say
        so. Needs the role admin. `DELETE /v1/spaces/{space_id}`"""
        self._none(
            ask("DELETE", path("/spaces/{}", space_id), query={"with_everything": with_everything}, if_match=if_match)
        )

    def create_product(
        self, *, name: str, id: str | None = None, space_id: str | None = None, idempotency_key: str | None = None
    ) -> s.Product:
        """Make a product. Without an `id` one is made up; it stays, because the ids of devices are made from it.
        Needs the role operator. `POST /v1/products`"""
        return self._one(
            ask(
                "POST",
                "/products",
                body={"name": name, "id": id, "space_id": space_id},
                idempotency_key=idempotency_key,
            ),
            s.Product,
        )

    def list_products(
        self,
        *,
        space_id: str | None = None,
        name: str | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Product]:
        """Products, newest first. Needs the role viewer. `GET /v1/products`"""
        return self._pages(
            ask(
                "GET",
                "/products",
                query={"space_id": space_id, "name": name, "sort": sort, "limit": limit, "cursor": cursor},
            ),
            s.Product,
        )

    def show_product(self, product_id: str) -> s.Product:
        """A product. Needs the role viewer. `GET /v1/products/{product_id}`"""
        return self._one(ask("GET", path("/products/{}", product_id)), s.Product)

    def update_product(
        self,
        product_id: str,
        *,
        name: str | None = None,
        rollout_defaults: s.UpdateProductRolloutDefaults | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.Product:
        """Rename a product, or say how carefully it is rolled out to. Which rollouts want approval is for admins to
        say. Needs the role operator. `PATCH /v1/products/{product_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/products/{}", product_id),
                body={"name": name, "rollout_defaults": rollout_defaults},
                if_match=if_match,
            ),
            s.Product,
        )

    def delete_product(self, product_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Delete a product that has no devices. Needs the role operator. `DELETE /v1/products/{product_id}`"""
        self._none(ask("DELETE", path("/products/{}", product_id), if_match=if_match))

    def show_product_secret(self, product_id: str) -> s.ProductSecret:
        """The secret of a product. Needs the role operator. `GET /v1/products/{product_id}/secret`"""
        return self._one(ask("GET", path("/products/{}/secret", product_id)), s.ProductSecret)

    def create_module(
        self,
        product_id: str,
        *,
        name: str,
        alias: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Module:
        """Make a module of a product. Needs the role operator. `POST /v1/products/{product_id}/modules`"""
        return self._one(
            ask(
                "POST",
                path("/products/{}/modules", product_id),
                body={"name": name, "alias": alias, "description": description},
                idempotency_key=idempotency_key,
            ),
            s.Module,
        )

    def list_modules(self, product_id: str) -> list[s.Module]:
        """The modules of a product, `default` first. Needs the role viewer. `GET /v1/products/{product_id}/modules`"""
        return self._many(ask("GET", path("/products/{}/modules", product_id)), s.Module)

    def show_module(self, product_id: str, module: str) -> s.Module:
        """A module. `default` is listed alone. Needs the role viewer. `GET
        /v1/products/{product_id}/modules/{module}`"""
        return self._one(ask("GET", path("/products/{}/modules/{}", product_id, module)), s.Module)

    def update_module(
        self,
        product_id: str,
        module: str,
        *,
        alias: str | None = None,
        description: str | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.Module:
        """Change what is said of a module. Needs the role operator. `PATCH
        /v1/products/{product_id}/modules/{module}`"""
        return self._one(
            ask(
                "PATCH",
                path("/products/{}/modules/{}", product_id, module),
                body={"alias": alias, "description": description},
                if_match=if_match,
            ),
            s.Module,
        )

    def delete_module(self, product_id: str, module: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Delete a module that no package installs. Needs the role operator. `DELETE
        /v1/products/{product_id}/modules/{module}`"""
        self._none(ask("DELETE", path("/products/{}/modules/{}", product_id, module), if_match=if_match))

    def create_device(
        self,
        *,
        product_id: str,
        name: str | None = None,
        id: str | None = None,
        secret: str | None = None,
        gateway_id: str | None = None,
        nickname: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.MadeDevice:
        """Make a device. A name, an id and a secret are made up where none are given. Needs the role operator. `POST
        /v1/devices`"""
        return self._one(
            ask(
                "POST",
                "/devices",
                body={
                    "product_id": product_id,
                    "name": name,
                    "id": id,
                    "secret": secret,
                    "gateway_id": gateway_id,
                    "nickname": nickname,
                    "description": description,
                },
                idempotency_key=idempotency_key,
            ),
            s.MadeDevice,
        )

    def list_devices(
        self,
        *,
        product_id: str | None = None,
        space_id: str | None = None,
        group_id: str | None = None,
        name: str | None = None,
        nickname: str | None = None,
        status: Literal["online", "offline", "never_online", "disabled"] | None = None,
        gateway_id: str | None = None,
        module: str | None = None,
        version: str | None = None,
        tag_key: str | None = None,
        tag_value: str | None = None,
        set_aside: bool | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Device]:
        """Devices, newest first. Filters are met all together; with `module` it is that one's `version`, with
        `tag_key` that one's `tag_value`. By `name` are those of one `product_id`. Needs the role viewer. `GET
        /v1/devices`"""
        return self._pages(
            ask(
                "GET",
                "/devices",
                query={
                    "product_id": product_id,
                    "space_id": space_id,
                    "group_id": group_id,
                    "name": name,
                    "nickname": nickname,
                    "status": status,
                    "gateway_id": gateway_id,
                    "module": module,
                    "version": version,
                    "tag_key": tag_key,
                    "tag_value": tag_value,
                    "set_aside": set_aside,
                    "sort": sort,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            s.Device,
        )

    def export_devices(
        self,
        *,
        format: Literal["csv", "ndjson"] | None = None,
        product_id: str | None = None,
        space_id: str | None = None,
        group_id: str | None = None,
        name: str | None = None,
        nickname: str | None = None,
        status: Literal["online", "offline", "never_online", "disabled"] | None = None,
        gateway_id: str | None = None,
        module: str | None = None,
        version: str | None = None,
        tag_key: str | None = None,
        tag_value: str | None = None,
        set_aside: bool | None = None,
    ) -> Iterator[bytes]:
        """All devices that a list has, newest first, in one file. Without secrets. In CSV, texts that a spreadsheet
        would take for a formula have an apostrophe before them. Devices that are made meanwhile are not in it.
        Needs the role viewer. `GET /v1/devices/export`"""
        return self._stream(
            ask(
                "GET",
                "/devices/export",
                query={
                    "format": format,
                    "product_id": product_id,
                    "space_id": space_id,
                    "group_id": group_id,
                    "name": name,
                    "nickname": nickname,
                    "status": status,
                    "gateway_id": gateway_id,
                    "module": module,
                    "version": version,
                    "tag_key": tag_key,
                    "tag_value": tag_value,
                    "set_aside": set_aside,
                },
            )
        )

    def count_devices(self, *, product_id: str | None = None, group_id: str | None = None) -> s.DeviceCounts:
        """How many devices the account, a product or a group has. Needs the role viewer. `GET /v1/device_counts`"""
        return self._one(
            ask("GET", "/device_counts", query={"product_id": product_id, "group_id": group_id}), s.DeviceCounts
        )

    def show_device(self, device_id: str) -> s.Device:
        """A device. Needs the role viewer. `GET /v1/devices/{device_id}`"""
        return self._one(ask("GET", path("/devices/{}", device_id)), s.Device)

    def update_device(
        self,
        device_id: str,
        *,
        nickname: str | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.Device:
        """Change what is said of a device, or let it log in or not. Needs the role operator. `PATCH
        /v1/devices/{device_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/devices/{}", device_id),
                body={"nickname": nickname, "description": description, "enabled": enabled},
                if_match=if_match,
            ),
            s.Device,
        )

    def delete_device(self, device_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Delete a device; its open tasks are cancelled. Needs the role operator. `DELETE /v1/devices/{device_id}`"""
        self._none(ask("DELETE", path("/devices/{}", device_id), if_match=if_match))

    def show_device_secret(self, device_id: str) -> s.DeviceSecret:
        """The secrets of a device. Needs the role operator. `GET /v1/devices/{device_id}/secret`"""
        return self._one(ask("GET", path("/devices/{}/secret", device_id)), s.DeviceSecret)

    def reset_device_secret(
        self,
        device_id: str,
        *,
        secret: str | None = None,
        secondary: bool | None = None,
        disconnect: bool | None = None,
        idempotency_key: str | None = None,
    ) -> s.NewSecret:
        """Give a device another secret. Needs the role operator. `POST /v1/devices/{device_id}/secret`"""
        return self._one(
            ask(
                "POST",
                path("/devices/{}/secret", device_id),
                body={"secret": secret, "secondary": secondary, "disconnect": disconnect},
                idempotency_key=idempotency_key,
            ),
            s.NewSecret,
        )

    def reset_device(self, device_id: str, *, idempotency_key: str | None = None) -> None:
        """Forget what a device reported, and cancel its open tasks. Its names and secrets stay. Needs the role
        operator. `POST /v1/devices/{device_id}/reset`"""
        self._none(ask("POST", path("/devices/{}/reset", device_id), idempotency_key=idempotency_key))

    def list_tags(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[s.Tag]:
        """The tags of all devices, by key and value. A device has each key once. `devices` is counted up to 1,000.
        Needs the role viewer. `GET /v1/tags`"""
        return self._pages(ask("GET", "/tags", query={"limit": limit, "cursor": cursor}), s.Tag)

    def set_device_tags(self, device_id: str, *, tags: dict[str, str], idempotency_key: str | None = None) -> None:
        """Give a device tags, or tags it has other values. Other tags stay. Needs the role operator. `POST
        /v1/devices/{device_id}/tags`"""
        self._none(
            ask("POST", path("/devices/{}/tags", device_id), body={"tags": tags}, idempotency_key=idempotency_key)
        )

    def delete_device_tag(self, device_id: str, key: str) -> None:
        """Take a tag from a device. Needs the role operator. `DELETE /v1/devices/{device_id}/tags/{key}`"""
        self._none(ask("DELETE", path("/devices/{}/tags/{}", device_id, key)))

    def register_devices(
        self,
        product_id: str,
        *,
        names: list[str] | None = None,
        count: int | None = None,
        idempotency_key: str | None = None,
    ) -> s.Registration:
        """Check names for many devices, or make many. `names` are checked and none is made yet; `count` devices with
        made-up names are made at once. Needs the role operator. `POST /v1/products/{product_id}/registrations`"""
        return self._one(
            ask(
                "POST",
                path("/products/{}/registrations", product_id),
                body={"names": names, "count": count},
                idempotency_key=idempotency_key,
            ),
            s.Registration,
        )

    def make_registered_devices(
        self, product_id: str, registration_id: str, *, idempotency_key: str | None = None
    ) -> s.Registration:
        """Make the devices whose names were found good. Asked again it makes nothing more and tells what came of it.
        Needs the role operator. `POST /v1/products/{product_id}/registrations/{registration_id}/devices`"""
        return self._one(
            ask(
                "POST",
                path("/products/{}/registrations/{}/devices", product_id, registration_id),
                idempotency_key=idempotency_key,
            ),
            s.Registration,
        )

    def show_registration(self, product_id: str, registration_id: str) -> s.Registration:
        """A batch of devices. Needs the role viewer. `GET /v1/products/{product_id}/registrations/{registration_id}`"""
        return self._one(ask("GET", path("/products/{}/registrations/{}", product_id, registration_id)), s.Registration)

    def count_set_aside(
        self,
        *,
        product_id: str | None = None,
        space_id: str | None = None,
        rollout_id: str | None = None,
        reason: str | None = None,
    ) -> s.SetAsideCounts:
        """How many devices are set aside, and why. By `rollout_id` those that failed last in that one. Which they
        are is told by `GET /v1/devices?set_aside=true`. Needs the role viewer. `GET /v1/set_aside_devices`"""
        return self._one(
            ask(
                "GET",
                "/set_aside_devices",
                query={"product_id": product_id, "space_id": space_id, "rollout_id": rollout_id, "reason": reason},
            ),
            s.SetAsideCounts,
        )

    def release_devices(
        self,
        *,
        devices: int,
        product_id: str | None = None,
        space_id: str | None = None,
        rollout_id: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Released:
        """Have devices that are set aside be offered updates again. `devices` is how many are meant: where more are
        set aside that fit, nothing is done. Each call releases up to 1,000. Needs the role operator. `POST
        /v1/set_aside_devices/release`"""
        return self._one(
            ask(
                "POST",
                "/set_aside_devices/release",
                body={
                    "devices": devices,
                    "product_id": product_id,
                    "space_id": space_id,
                    "rollout_id": rollout_id,
                    "reason": reason,
                },
                idempotency_key=idempotency_key,
            ),
            s.Released,
        )

    def release_device(self, device_id: str, *, idempotency_key: str | None = None) -> s.Device:
        """Forget the failures of a device, and offer it updates again. Needs the role operator. `POST
        /v1/devices/{device_id}/release`"""
        return self._one(ask("POST", path("/devices/{}/release", device_id), idempotency_key=idempotency_key), s.Device)

    def show_attention(self, *, product_id: str | None = None, space_id: str | None = None) -> s.Attention:
        """What waits for a person. As cheap as a look at one thing. A key of one space or product sees what is in
        there. Needs the role viewer. `GET /v1/attention`"""
        return self._one(ask("GET", "/attention", query={"product_id": product_id, "space_id": space_id}), s.Attention)

    def show_limits(
        self,
    ) -> s.Limits:
        """The limits of the account, and what is spent of them. Needs the role viewer. `GET /v1/limits`"""
        return self._one(ask("GET", "/limits"), s.Limits)

    def update_limits(
        self, *, maximum_per_min: int | None = None, at_once: int | None = None, bytes_per_s: int | None = None
    ) -> s.Limits:
        """Limit what all rollouts of the account do together. What is not said stays; `{}` has none any more. With
        `maximum_per_min` 0 nothing is offered. Needs the role admin. `PATCH /v1/limits`"""
        return self._one(
            ask(
                "PATCH",
                "/limits",
                body={"maximum_per_min": maximum_per_min, "at_once": at_once, "bytes_per_s": bytes_per_s},
            ),
            s.Limits,
        )

    def show_product_limits(self, product_id: str) -> s.Limits:
        """The limits of a product, and what is spent of them. Needs the role viewer. `GET
        /v1/products/{product_id}/limits`"""
        return self._one(ask("GET", path("/products/{}/limits", product_id)), s.Limits)

    def update_product_limits(
        self,
        product_id: str,
        *,
        maximum_per_min: int | None = None,
        at_once: int | None = None,
        bytes_per_s: int | None = None,
    ) -> s.Limits:
        """Limit what all rollouts of a product do together. What is not said stays; `{}` has none any more. With
        `maximum_per_min` 0 nothing is offered. Needs the role admin. `PATCH /v1/products/{product_id}/limits`"""
        return self._one(
            ask(
                "PATCH",
                path("/products/{}/limits", product_id),
                body={"maximum_per_min": maximum_per_min, "at_once": at_once, "bytes_per_s": bytes_per_s},
            ),
            s.Limits,
        )

    def list_imports(
        self,
        *,
        product_id: str | None = None,
        sort: Literal["started_at", "-started_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Import]:
        """Imports, newest first. Needs the role viewer. `GET /v1/imports`"""
        return self._pages(
            ask("GET", "/imports", query={"product_id": product_id, "sort": sort, "limit": limit, "cursor": cursor}),
            s.Import,
        )

    def show_import(self, import_id: str) -> s.Import:
        """How far an import has come. Needs the role viewer. `GET /v1/imports/{import_id}`"""
        return self._one(ask("GET", path("/imports/{}", import_id)), s.Import)

    def cancel_import(self, import_id: str, *, idempotency_key: str | None = None) -> s.Import:
        """Make no more devices of a list. Those that were made stay. Needs the role operator. `POST
        /v1/imports/{import_id}/cancel`"""
        return self._one(ask("POST", path("/imports/{}/cancel", import_id), idempotency_key=idempotency_key), s.Import)

    def list_import_problems(
        self, import_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[s.ImportProblem]:
        """Rows that nothing was made of, in their order. The first 1,000 are kept. Needs the role viewer. `GET
        /v1/imports/{import_id}/problems`"""
        return self._pages(
            ask("GET", path("/imports/{}/problems", import_id), query={"limit": limit, "cursor": cursor}),
            s.ImportProblem,
        )

    def list_import_devices(self, import_id: str, *, format: Literal["csv", "ndjson"] | None = None) -> Iterator[bytes]:
        """The devices that an import made, with their secrets. In the order of rows, those that live. Needs the role
        operator. `GET /v1/imports/{import_id}/devices`"""
        return self._stream(ask("GET", path("/imports/{}/devices", import_id), query={"format": format}))

    def create_group(
        self,
        *,
        name: str,
        description: str | None = None,
        space_id: str | None = None,
        super_group_id: str | None = None,
        condition: s.CreateGroupCondition | None = None,
        idempotency_key: str | None = None,
    ) -> s.Group:
        """Make a group. With a `condition` it is dynamic: whatever fits is in it, whenever it is asked for. Without
        one devices are added. A `version` is of the `module`, or of the whole device, and fits nothing where it
        is not known; a `tag` is the value of its `key`. Needs the role operator. `POST /v1/groups`"""
        return self._one(
            ask(
                "POST",
                "/groups",
                body={
                    "name": name,
                    "description": description,
                    "space_id": space_id,
                    "super_group_id": super_group_id,
                    "condition": condition,
                },
                idempotency_key=idempotency_key,
            ),
            s.Group,
        )

    def list_groups(
        self,
        *,
        space_id: str | None = None,
        name: str | None = None,
        kind: Literal["static", "dynamic"] | None = None,
        super_group_id: str | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Group]:
        """Groups, newest first. Needs the role viewer. `GET /v1/groups`"""
        return self._pages(
            ask(
                "GET",
                "/groups",
                query={
                    "space_id": space_id,
                    "name": name,
                    "kind": kind,
                    "super_group_id": super_group_id,
                    "sort": sort,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            s.Group,
        )

    def preview_group(self, *, condition: s.PreviewGroupCondition, idempotency_key: str | None = None) -> s.Fitting:
        """Which devices a condition means, before a group is made of it. Nothing is made. It looks at 10,000 devices
        at most, and so costs the same on any fleet. Needs the role operator. `POST /v1/groups/preview`"""
        return self._one(
            ask("POST", "/groups/preview", body={"condition": condition}, idempotency_key=idempotency_key), s.Fitting
        )

    def show_group(self, group_id: str, *, counted: bool | None = None) -> s.CountedGroup:
        """A group. With `counted` false it has no `devices`, which a large group takes seconds for. Needs the role
        viewer. `GET /v1/groups/{group_id}`"""
        return self._one(ask("GET", path("/groups/{}", group_id), query={"counted": counted}), s.CountedGroup)

    def update_group(
        self,
        group_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.Group:
        """Change a group's name or description. Needs the role operator. `PATCH /v1/groups/{group_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/groups/{}", group_id),
                body={"name": name, "description": description},
                if_match=if_match,
            ),
            s.Group,
        )

    def delete_group(self, group_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Delete a group that no group is under; its devices stay. Needs the role operator. `DELETE
        /v1/groups/{group_id}`"""
        self._none(ask("DELETE", path("/groups/{}", group_id), if_match=if_match))

    def add_to_group(self, group_id: str, *, device_ids: list[str], idempotency_key: str | None = None) -> s.Enrolled:
        """Add devices to a static group: all of them or none. Needs the role operator. `POST
        /v1/groups/{group_id}/members`"""
        return self._one(
            ask(
                "POST",
                path("/groups/{}/members", group_id),
                body={"device_ids": device_ids},
                idempotency_key=idempotency_key,
            ),
            s.Enrolled,
        )

    def list_group_members(
        self, group_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[s.Device]:
        """The devices of a group, newest first. Needs the role viewer. `GET /v1/groups/{group_id}/members`"""
        return self._pages(
            ask("GET", path("/groups/{}/members", group_id), query={"limit": limit, "cursor": cursor}), s.Device
        )

    def remove_from_group(self, group_id: str, device_id: str) -> s.Enrolled:
        """Take a device out of a static group. Needs the role operator. `DELETE
        /v1/groups/{group_id}/members/{device_id}`"""
        return self._one(ask("DELETE", path("/groups/{}/members/{}", group_id, device_id)), s.Enrolled)

    def list_device_groups(self, device_id: str) -> list[s.Group]:
        """The groups that a device is in. Needs the role viewer. `GET /v1/devices/{device_id}/groups`"""
        return self._many(ask("GET", path("/devices/{}/groups", device_id)), s.Group)

    def create_device_hours(
        self,
        *,
        hours: s.CreateDeviceHoursHours,
        group_id: str | None = None,
        tag: s.CreateDeviceHoursTag | None = None,
        idempotency_key: str | None = None,
    ) -> s.DeviceHours:
        """Say when devices of a group, or with a tag, may be offered something. Of a static `group_id`, or of a
        `tag`. A device for which several hold is offered where all are open, and its rollout's own `hours` too.
        What is under way ends. Needs the role operator. `POST /v1/device_hours`"""
        return self._one(
            ask(
                "POST",
                "/device_hours",
                body={"group_id": group_id, "tag": tag, "hours": hours},
                idempotency_key=idempotency_key,
            ),
            s.DeviceHours,
        )

    def list_device_hours(
        self,
    ) -> list[s.DeviceHours]:
        """The hours of groups and tags, newest first. Needs the role viewer. `GET /v1/device_hours`"""
        return self._many(ask("GET", "/device_hours"), s.DeviceHours)

    def show_device_hours(self, hours_id: str) -> s.DeviceHours:
        """The hours of a group or tag. Needs the role viewer. `GET /v1/device_hours/{hours_id}`"""
        return self._one(ask("GET", path("/device_hours/{}", hours_id)), s.DeviceHours)

    def update_device_hours(
        self, hours_id: str, *, hours: s.UpdateDeviceHoursHours, if_match: Mapping[str, Any] | str | None = None
    ) -> s.DeviceHours:
        """Give a group or tag other hours. A device that is held back is looked at again within ten minutes. Needs
        the role operator. `PATCH /v1/device_hours/{hours_id}`"""
        return self._one(
            ask("PATCH", path("/device_hours/{}", hours_id), body={"hours": hours}, if_match=if_match), s.DeviceHours
        )

    def delete_device_hours(self, hours_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Let devices of a group or tag be offered at any time. Needs the role operator. `DELETE
        /v1/device_hours/{hours_id}`"""
        self._none(ask("DELETE", path("/device_hours/{}", hours_id), if_match=if_match))

    def create_upload(
        self,
        *,
        size: int | None = None,
        name: str | None = None,
        sha256: str | None = None,
        part_size: int | None = None,
        suffix: str | None = None,
        purpose: Literal["firmware", "devices"] | None = None,
        idempotency_key: str | None = None,
    ) -> s.NewUpload:
        """Begin an upload in parts, or get leave to upload one file by a form. With `size` it is one in parts: each
        has `part_size` bytes, which is larger than asked where there would be over 10,000, and the last one the
        rest. An account has 20 open uploads at most. Without `size` it is a ticket; `purpose` devices is for a
        list of device names, one a line, that a rollout takes its devices from. Needs the role operator. `POST
        /v1/uploads`"""
        return self._one(
            ask(
                "POST",
                "/uploads",
                body={
                    "size": size,
                    "name": name,
                    "sha256": sha256,
                    "part_size": part_size,
                    "suffix": suffix,
                    "purpose": purpose,
                },
                idempotency_key=idempotency_key,
            ),
            s.NewUpload,
        )

    def show_upload(self, upload_id: str) -> s.Upload:
        """An upload in parts, and which are there. Needs the role viewer. `GET /v1/uploads/{upload_id}`"""
        return self._one(ask("GET", path("/uploads/{}", upload_id)), s.Upload)

    def delete_upload(self, upload_id: str) -> None:
        """Give up an upload that is not complete. Needs the role operator. `DELETE /v1/uploads/{upload_id}`"""
        self._none(ask("DELETE", path("/uploads/{}", upload_id)))

    def complete_upload(
        self, upload_id: str, *, sha256: str | None = None, idempotency_key: str | None = None
    ) -> s.Upload:
        """Have the parts put together. All parts must be there. `status` is checking until the whole is one file
        with its digests: ask for the upload again. Complete, it serves one package within an hour, by its id.
        Asked again it begins nothing anew. Needs the role operator. `POST /v1/uploads/{upload_id}/complete`"""
        return self._one(
            ask(
                "POST",
                path("/uploads/{}/complete", upload_id),
                body={"sha256": sha256},
                idempotency_key=idempotency_key,
            ),
            s.Upload,
        )

    def create_package(
        self,
        *,
        name: str,
        version: str,
        upload_url: str | None = None,
        upload_id: str | None = None,
        files: list[s.CreatePackageFile] | None = None,
        object: s.CreatePackageObject | None = None,
        product_id: str | None = None,
        module: str | None = None,
        delta_from: str | None = None,
        source_versions: list[str] | None = None,
        after: list[str] | None = None,
        size: int | None = None,
        md5: str | None = None,
        sha256: str | None = None,
        verify: bool | None = None,
        description: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Package:
        """Make a package of uploaded files or of an object in a bucket. Size and digests are compared with the
        file's where they are given. With `delta_from` the file is a difference from that version. With `after` it
        is offered to devices that run one of these versions, and others are led to one of them first, by other
        packages of the module. With `verify` false it may be rolled out at once. An object is read first, and
        needs no verification. Needs the role operator. `POST /v1/packages`"""
        return self._one(
            ask(
                "POST",
                "/packages",
                body={
                    "name": name,
                    "version": version,
                    "upload_url": upload_url,
                    "upload_id": upload_id,
                    "files": files,
                    "object": object,
                    "product_id": product_id,
                    "module": module,
                    "delta_from": delta_from,
                    "source_versions": source_versions,
                    "after": after,
                    "size": size,
                    "md5": md5,
                    "sha256": sha256,
                    "verify": verify,
                    "description": description,
                    "note": note,
                },
                idempotency_key=idempotency_key,
            ),
            s.Package,
        )

    def list_packages(
        self,
        *,
        space_id: str | None = None,
        product_id: str | None = None,
        module: str | None = None,
        version: str | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at", "modified_at", "-modified_at", "size", "-size"]
        | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Package]:
        """Packages, newest first. Needs the role viewer. `GET /v1/packages`"""
        return self._pages(
            ask(
                "GET",
                "/packages",
                query={
                    "space_id": space_id,
                    "product_id": product_id,
                    "module": module,
                    "version": version,
                    "sort": sort,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            s.Package,
        )

    def show_package(self, package_id: str) -> s.Package:
        """A package. Needs the role viewer. `GET /v1/packages/{package_id}`"""
        return self._one(ask("GET", path("/packages/{}", package_id)), s.Package)

    def update_package(
        self,
        package_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        note: str | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.Package:
        """Change what is said of a package. Needs the role operator. `PATCH /v1/packages/{package_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/packages/{}", package_id),
                body={"name": name, "description": description, "note": note},
                if_match=if_match,
            ),
            s.Package,
        )

    def delete_package(self, package_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Delete a package that no rollout is bringing out. Needs the role operator. `DELETE
        /v1/packages/{package_id}`"""
        self._none(ask("DELETE", path("/packages/{}", package_id), if_match=if_match))

    def create_rollout(
        self,
        *,
        kind: Literal["static", "dynamic", "verify"],
        package_id: str,
        product_id: str,
        targets: s.CreateRolloutTargets,
        source_versions: list[str] | None = None,
        downgrade: bool | None = None,
        existing: bool | None = None,
        scheduled_at: str | None = None,
        finish_at: str | None = None,
        maximum_per_min: int | None = None,
        timeout_min: int | None = None,
        retry: s.CreateRolloutRetry | None = None,
        overwrite: bool | None = None,
        multi_module: bool | None = None,
        needs_confirmation: bool | None = None,
        push: bool | None = None,
        download_protocol: Literal["https", "mqtt"] | None = None,
        tags: dict[str, str] | None = None,
        waves: list[s.CreateRolloutWave] | None = None,
        preset: Literal["careful", "fast", "all_at_once"] | None = None,
        same_devices_first: bool | None = None,
        guard: s.CreateRolloutGuard | None = None,
        approval: s.CreateRolloutApproval | None = None,
        hours: s.CreateRolloutHours | None = None,
        pace: s.CreateRolloutPace | None = None,
        idempotency_key: str | None = None,
    ) -> s.Rollout:
        """Bring devices to a package. A static one brings the devices that are chosen when it starts; a dynamic one
        is a standing rule for every device that fits; verify tries the package on some. `targets` has exactly one
        member. Without `source_versions` any version is taken. With `waves` or a `preset` its devices are offered
        one share after the other; the last of `waves` is percent 100. Needs the role operator. `POST
        /v1/rollouts`"""
        return self._one(
            ask(
                "POST",
                "/rollouts",
                body={
                    "kind": kind,
                    "package_id": package_id,
                    "product_id": product_id,
                    "targets": targets,
                    "source_versions": source_versions,
                    "downgrade": downgrade,
                    "existing": existing,
                    "scheduled_at": scheduled_at,
                    "finish_at": finish_at,
                    "maximum_per_min": maximum_per_min,
                    "timeout_min": timeout_min,
                    "retry": retry,
                    "overwrite": overwrite,
                    "multi_module": multi_module,
                    "needs_confirmation": needs_confirmation,
                    "push": push,
                    "download_protocol": download_protocol,
                    "tags": tags,
                    "waves": waves,
                    "preset": preset,
                    "same_devices_first": same_devices_first,
                    "guard": guard,
                    "approval": approval,
                    "hours": hours,
                    "pace": pace,
                },
                idempotency_key=idempotency_key,
            ),
            s.Rollout,
        )

    def list_rollouts(
        self,
        *,
        space_id: str | None = None,
        sort: Literal["created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Rollout]:
        """Rollouts, newest first. Needs the role viewer. `GET /v1/rollouts`"""
        return self._pages(
            ask("GET", "/rollouts", query={"space_id": space_id, "sort": sort, "limit": limit, "cursor": cursor}),
            s.Rollout,
        )

    def list_package_rollouts(
        self,
        package_id: str,
        *,
        sort: Literal["created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Rollout]:
        """The rollouts of a package, newest first. Needs the role viewer. `GET /v1/packages/{package_id}/rollouts`"""
        return self._pages(
            ask(
                "GET", path("/packages/{}/rollouts", package_id), query={"sort": sort, "limit": limit, "cursor": cursor}
            ),
            s.Rollout,
        )

    def list_device_rollouts(
        self,
        device_id: str,
        *,
        sort: Literal["created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Rollout]:
        """The rollouts that a device is in, newest first. Needs the role viewer. `GET
        /v1/devices/{device_id}/rollouts`"""
        return self._pages(
            ask("GET", path("/devices/{}/rollouts", device_id), query={"sort": sort, "limit": limit, "cursor": cursor}),
            s.Rollout,
        )

    def show_rollout(self, rollout_id: str) -> s.CountedRollout:
        """A rollout, with the counts of all states. Needs the role viewer. `GET /v1/rollouts/{rollout_id}`"""
        return self._one(ask("GET", path("/rollouts/{}", rollout_id)), s.CountedRollout)

    def update_rollout(
        self,
        rollout_id: str,
        *,
        maximum_per_min: int | None = None,
        timeout_min: int | None = None,
        source_versions: list[str] | None = None,
        tags: dict[str, str] | None = None,
        hours: s.UpdateRolloutHours | None = None,
        pace: s.UpdateRolloutPace | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.Rollout:
        """Change the pace, the hours or the tags of a rollout that runs. `timeout_min` and `source_versions` only of
        a dynamic one. With `maximum_per_min` 0 nothing is offered. Hours `{}` are none, and so is a pace `{}`;
        other hours are in place of those there were, what is not said of a pace stays. Of a rollout that wanted
        approval a change is approved anew. Needs the role operator. `PATCH /v1/rollouts/{rollout_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/rollouts/{}", rollout_id),
                body={
                    "maximum_per_min": maximum_per_min,
                    "timeout_min": timeout_min,
                    "source_versions": source_versions,
                    "tags": tags,
                    "hours": hours,
                    "pace": pace,
                },
                if_match=if_match,
            ),
            s.Rollout,
        )

    def cancel_rollout(
        self,
        rollout_id: str,
        *,
        states: list[Literal["confirm", "queued", "notified", "in_progress"]] | None = None,
        from_version: str | None = None,
        devices: int | None = None,
        idempotency_key: str | None = None,
    ) -> s.Steered:
        """Cancel the open tasks of a rollout. When this returns no offer of them is sent any more. With `states`
        those in other states go on. A planned rollout is cancelled whole; a dynamic one still takes devices until
        it is ended. With a `from_version` those are left out that wait, or are to be confirmed, and come from it;
        counts and lists tell it soon after. `devices` is how many are meant: where it would be more, or that
        can't be told, nothing is done. Needs the role operator. `POST /v1/rollouts/{rollout_id}/cancel`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/cancel", rollout_id),
                body={"states": states, "from_version": from_version, "devices": devices},
                idempotency_key=idempotency_key,
            ),
            s.Steered,
        )

    def count_waiting(self, rollout_id: str, *, from_version: str) -> s.Waiting:
        """How many devices of a rollout wait that come from a version. Those that were told nothing yet. At most
        100,000 of all that wait are looked at. Needs the role viewer. `GET /v1/rollouts/{rollout_id}/waiting`"""
        return self._one(
            ask("GET", path("/rollouts/{}/waiting", rollout_id), query={"from_version": from_version}), s.Waiting
        )

    def end_rollout(self, rollout_id: str, *, idempotency_key: str | None = None) -> None:
        """End the standing rule of a dynamic rollout; its tasks go on. Needs the role operator. `POST
        /v1/rollouts/{rollout_id}/end`"""
        self._none(ask("POST", path("/rollouts/{}/end", rollout_id), idempotency_key=idempotency_key))

    def confirm_tasks(
        self,
        rollout_id: str,
        *,
        task_ids: list[str] | None = None,
        all: bool | None = None,
        idempotency_key: str | None = None,
    ) -> s.Steered:
        """Let tasks go on that wait for confirmation. Of `task_ids` all of them or none. `all` are those that wait
        now, however many; the counts of the rollout show how far they are. Needs the role operator. `POST
        /v1/rollouts/{rollout_id}/confirm`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/confirm", rollout_id),
                body={"task_ids": task_ids, "all": all},
                idempotency_key=idempotency_key,
            ),
            s.Steered,
        )

    def retry_tasks(
        self,
        rollout_id: str,
        *,
        task_ids: list[str] | None = None,
        all: bool | None = None,
        failure_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Steered:
        """Run failed or cancelled tasks again. Of `task_ids` all of them or none. `all` are those that failed, none
        that were cancelled, however many; those of a `failure_id` failed so, as the rollout's failures tell. One
        whose device is gone or has another task stays as it is. Needs the role operator. `POST
        /v1/rollouts/{rollout_id}/retry`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/retry", rollout_id),
                body={"task_ids": task_ids, "all": all, "failure_id": failure_id},
                idempotency_key=idempotency_key,
            ),
            s.Steered,
        )

    def approve_rollout(
        self,
        rollout_id: str,
        *,
        remark: str | None = None,
        revision: int | None = None,
        idempotency_key: str | None = None,
    ) -> s.Rollout:
        """Let a rollout begin, or go on as it was changed. For a person who signed in, and neither made nor changed
        it. `revision` is the one that is meant: one that was changed meanwhile is refused. Needs the role
        approver. `POST /v1/rollouts/{rollout_id}/approve`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/approve", rollout_id),
                body={"remark": remark, "revision": revision},
                idempotency_key=idempotency_key,
            ),
            s.Rollout,
        )

    def refuse_rollout(
        self, rollout_id: str, *, remark: str, revision: int | None = None, idempotency_key: str | None = None
    ) -> s.Rollout:
        """Have a rollout be over that waits for approval. Of one that had begun and was changed the open tasks are
        cancelled. Needs the role approver. `POST /v1/rollouts/{rollout_id}/refuse`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/refuse", rollout_id),
                body={"remark": remark, "revision": revision},
                idempotency_key=idempotency_key,
            ),
            s.Rollout,
        )

    def show_rollout_defaults(
        self,
    ) -> s.RolloutDefaults:
        """How carefully the account's rollouts go about their devices. Needs the role viewer. `GET
        /v1/rollout_defaults`"""
        return self._one(ask("GET", "/rollout_defaults"), s.RolloutDefaults)

    def update_rollout_defaults(self, *, rollout_defaults: s.UpdateRolloutDefaultsRolloutDefaults) -> s.RolloutDefaults:
        """Say how carefully rollouts go about from now on. What is said is in place of what was. A product's own
        come first: its waves, preset and guard together, its approval by itself. Needs the role admin. `PATCH
        /v1/rollout_defaults`"""
        return self._one(
            ask("PATCH", "/rollout_defaults", body={"rollout_defaults": rollout_defaults}), s.RolloutDefaults
        )

    def pause_rollout(
        self, rollout_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> s.Rollout:
        """Keep back all offers of a rollout. When this returns none is sent any more, to no device that asks either;
        what devices were told goes on. Its `status` stays; one that is paused already stays as it is. Needs the
        role operator. `POST /v1/rollouts/{rollout_id}/pause`"""
        return self._one(
            ask(
                "POST", path("/rollouts/{}/pause", rollout_id), body={"reason": reason}, idempotency_key=idempotency_key
            ),
            s.Rollout,
        )

    def resume_rollout(self, rollout_id: str, *, idempotency_key: str | None = None) -> s.Rollout:
        """Let a paused rollout go on where it was. Needs the role operator. `POST /v1/rollouts/{rollout_id}/resume`"""
        return self._one(
            ask("POST", path("/rollouts/{}/resume", rollout_id), idempotency_key=idempotency_key), s.Rollout
        )

    def promote_rollout(
        self,
        rollout_id: str,
        *,
        wave: int | None = None,
        skip_soak: bool | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Rollout:
        """Open the next wave of a rollout, whatever its rule says. `wave` is the one that is meant, so that asking
        twice opens one. With `skip_soak` it still waits for the rule, but for no soak. Needs the role operator.
        `POST /v1/rollouts/{rollout_id}/promote`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/promote", rollout_id),
                body={"wave": wave, "skip_soak": skip_soak, "reason": reason},
                idempotency_key=idempotency_key,
            ),
            s.Rollout,
        )

    def list_rollout_decisions(
        self, rollout_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[s.Decision]:
        """What was decided of a rollout, newest first. Needs the role viewer. `GET
        /v1/rollouts/{rollout_id}/decisions`"""
        return self._pages(
            ask("GET", path("/rollouts/{}/decisions", rollout_id), query={"limit": limit, "cursor": cursor}), s.Decision
        )

    def plan_rollback(self, rollout_id: str, *, idempotency_key: str | None = None) -> s.Rollback:
        """See what undoing a rollout means; nothing is made. The devices that succeeded are counted by the versions
        that they came from: ask for it until its `status` is ready. Asked again it counts anew. Needs the role
        operator. `POST /v1/rollouts/{rollout_id}/rollback`"""
        return self._one(
            ask("POST", path("/rollouts/{}/rollback", rollout_id), idempotency_key=idempotency_key), s.Rollback
        )

    def show_rollback(self, rollout_id: str) -> s.Rollback:
        """What undoing a rollout means, or what came of it. Needs the role viewer. `GET
        /v1/rollouts/{rollout_id}/rollback`"""
        return self._one(ask("GET", path("/rollouts/{}/rollback", rollout_id)), s.Rollback)

    def start_rollback(
        self, rollout_id: str, *, devices: int, reason: str | None = None, idempotency_key: str | None = None
    ) -> s.Rollback:
        """Bring the devices of a rollout back to what they ran before. `devices` is how many the rollback tells, so
        that no more are touched than are meant. Each version gets a rollout with the waves and the guard of the
        undone one. A dynamic one is ended before; any other that still runs is to be cancelled or paused first.
        Needs the role operator. `POST /v1/rollouts/{rollout_id}/rollback/start`"""
        return self._one(
            ask(
                "POST",
                path("/rollouts/{}/rollback/start", rollout_id),
                body={"devices": devices, "reason": reason},
                idempotency_key=idempotency_key,
            ),
            s.Rollback,
        )

    def list_rollout_tasks(
        self,
        rollout_id: str,
        *,
        state: Literal["confirm", "queued", "notified", "in_progress", "succeeded", "failed", "canceled"] | None = None,
        device_name: str | None = None,
        sort: Literal["state", "-state"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Task]:
        """The tasks of a rollout, in a stable order. By `state` from `confirm` to `canceled`, as a task may pass
        through them. Needs the role viewer. `GET /v1/rollouts/{rollout_id}/tasks`"""
        return self._pages(
            ask(
                "GET",
                path("/rollouts/{}/tasks", rollout_id),
                query={"state": state, "device_name": device_name, "sort": sort, "limit": limit, "cursor": cursor},
            ),
            s.Task,
        )

    def list_rollout_failures(self, rollout_id: str) -> list[s.Failures]:
        """What failed tasks of a rollout have in common, the most first. Devices that rolled back are among them,
        those too that may still succeed. At most 200 kinds are told apart. It costs the same at any size. Needs
        the role viewer. `GET /v1/rollouts/{rollout_id}/failures`"""
        return self._many(ask("GET", path("/rollouts/{}/failures", rollout_id)), s.Failures)

    def list_rollout_course(self, rollout_id: str) -> list[s.Standing]:
        """How the tasks of a rollout stood from time to time, oldest first. A moment is told where something had
        changed, every five seconds at first and the more seldom the longer the rollout runs, so that there are at
        most 300, the last one always. Needs the role viewer. `GET /v1/rollouts/{rollout_id}/course`"""
        return self._many(ask("GET", path("/rollouts/{}/course", rollout_id)), s.Standing)

    def list_device_tasks(
        self,
        device_id: str,
        *,
        state: Literal["confirm", "queued", "notified", "in_progress", "succeeded", "failed", "canceled"] | None = None,
        module: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Task]:
        """The tasks of a device, oldest first. Needs the role viewer. `GET /v1/devices/{device_id}/tasks`"""
        return self._pages(
            ask(
                "GET",
                path("/devices/{}/tasks", device_id),
                query={"state": state, "module": module, "limit": limit, "cursor": cursor},
            ),
            s.Task,
        )

    def list_device_timeline(
        self,
        device_id: str,
        *,
        kind: Literal["login", "refused", "offer", "download", "report", "unreadable", "task", "aside", "act"]
        | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.TimelineLine]:
        """What befell a device, newest first. Lines come a few seconds later. Those of one minute that are alike are
        one, and a device has some hundreds beside the changes of its tasks. From `since` on, and before `until`.
        Needs the role viewer. `GET /v1/devices/{device_id}/timeline`"""
        return self._pages(
            ask(
                "GET",
                path("/devices/{}/timeline", device_id),
                query={"kind": kind, "since": since, "until": until, "limit": limit, "cursor": cursor},
            ),
            s.TimelineLine,
        )

    def list_refused_logins(
        self,
        *,
        product_id: str | None = None,
        since: str | None = None,
        address: str | None = None,
        name: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.RefusedLogin]:
        """Logins of devices that were refused, the last tried first. Of devices of the account, and of unknown names
        with one of its products. By name and address one, kept for 30 days after the last. Needs the role viewer.
        `GET /v1/refused_logins`"""
        return self._pages(
            ask(
                "GET",
                "/refused_logins",
                query={
                    "product_id": product_id,
                    "since": since,
                    "address": address,
                    "name": name,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            s.RefusedLogin,
        )

    def list_version_history(
        self,
        *,
        product_id: str,
        module: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.VersionHour]:
        """How versions spread over a product's devices, newest hour first. An hour in which nothing changed is not
        there: what stood before goes on. At most 200 versions are told apart. Needs the role viewer. `GET
        /v1/version_history`"""
        return self._pages(
            ask(
                "GET",
                "/version_history",
                query={
                    "product_id": product_id,
                    "module": module,
                    "since": since,
                    "until": until,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            s.VersionHour,
        )

    def explain_device(self, device_id: str, *, rollout_id: str | None = None, package_id: str | None = None) -> s.Why:
        """Why a device is not updated. By a rollout of any API, or by that of a package which has the device or may
        have it: give one of the two. What keeps an offer back is read as it is read for offers. Needs the role
        viewer. `GET /v1/devices/{device_id}/why`"""
        return self._one(
            ask("GET", path("/devices/{}/why", device_id), query={"rollout_id": rollout_id, "package_id": package_id}),
            s.Why,
        )

    def list_rollout_reasons(self, rollout_id: str) -> s.Reasons:
        """Why the devices of a rollout that are not updated are not. Counted when it is asked for, a part at a time:
        while it is `running` ask again. What is not older than half a minute is told again. Needs the role
        viewer. `GET /v1/rollouts/{rollout_id}/reasons`"""
        return self._one(ask("GET", path("/rollouts/{}/reasons", rollout_id)), s.Reasons)

    def create_plan(
        self,
        *,
        kind: Literal["static", "dynamic", "verify"],
        package_id: str,
        product_id: str,
        targets: s.CreatePlanTargets,
        source_versions: list[str] | None = None,
        downgrade: bool | None = None,
        existing: bool | None = None,
        scheduled_at: str | None = None,
        finish_at: str | None = None,
        maximum_per_min: int | None = None,
        timeout_min: int | None = None,
        retry: s.CreatePlanRetry | None = None,
        overwrite: bool | None = None,
        multi_module: bool | None = None,
        needs_confirmation: bool | None = None,
        push: bool | None = None,
        download_protocol: Literal["https", "mqtt"] | None = None,
        tags: dict[str, str] | None = None,
        waves: list[s.CreatePlanWave] | None = None,
        preset: Literal["careful", "fast", "all_at_once"] | None = None,
        same_devices_first: bool | None = None,
        guard: s.CreatePlanGuard | None = None,
        approval: s.CreatePlanApproval | None = None,
        hours: s.CreatePlanHours | None = None,
        pace: s.CreatePlanPace | None = None,
        away_days: int | None = None,
        instead_of: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Plan:
        """Tell what a rollout would do, and make nothing. The body is that of a rollout. It is refused as a rollout
        would be. Its devices are judged from then on: ask for the plan. It is kept for a day. Devices that are
        away for over `away_days` are told apart. A plan that it is asked for `instead_of` is counted no further.
        Needs the role operator. `POST /v1/rollouts/plan`"""
        return self._one(
            ask(
                "POST",
                "/rollouts/plan",
                body={
                    "kind": kind,
                    "package_id": package_id,
                    "product_id": product_id,
                    "targets": targets,
                    "source_versions": source_versions,
                    "downgrade": downgrade,
                    "existing": existing,
                    "scheduled_at": scheduled_at,
                    "finish_at": finish_at,
                    "maximum_per_min": maximum_per_min,
                    "timeout_min": timeout_min,
                    "retry": retry,
                    "overwrite": overwrite,
                    "multi_module": multi_module,
                    "needs_confirmation": needs_confirmation,
                    "push": push,
                    "download_protocol": download_protocol,
                    "tags": tags,
                    "waves": waves,
                    "preset": preset,
                    "same_devices_first": same_devices_first,
                    "guard": guard,
                    "approval": approval,
                    "hours": hours,
                    "pace": pace,
                    "away_days": away_days,
                    "instead_of": instead_of,
                },
                idempotency_key=idempotency_key,
            ),
            s.Plan,
        )

    def show_plan(self, plan_id: str) -> s.Plan:
        """What a rollout would do, as far as it is counted. Needs the role viewer. `GET /v1/plans/{plan_id}`"""
        return self._one(ask("GET", path("/plans/{}", plan_id)), s.Plan)

    def create_key(
        self,
        *,
        role: Literal["viewer", "operator", "approver", "admin"],
        dialect: Literal["upwell", "alibaba", "tuya", "huawei"] | None = None,
        days: int | None = None,
        space_id: str | None = None,
        product_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.MadeKey:
        """Make an access key. It lasts for `days`, or until it is revoked. With `space_id` or `product_id` it
        reaches what lies in that alone. Needs the role admin. `POST /v1/keys`"""
        return self._one(
            ask(
                "POST",
                "/keys",
                body={"role": role, "dialect": dialect, "days": days, "space_id": space_id, "product_id": product_id},
                idempotency_key=idempotency_key,
            ),
            s.MadeKey,
        )

    def list_keys(
        self,
        *,
        sort: Literal["created_at", "-created_at", "last_used_at", "-last_used_at", "expires_at", "-expires_at"]
        | None = None,
    ) -> list[s.Key]:
        """All keys, newest first. One never used was used before all others, one without an end ends behind them.
        Needs the role admin. `GET /v1/keys`"""
        return self._many(ask("GET", "/keys", query={"sort": sort}), s.Key)

    def show_key(self, key_id: str) -> s.Key:
        """A key. Needs the role admin. `GET /v1/keys/{key_id}`"""
        return self._one(ask("GET", path("/keys/{}", key_id)), s.Key)

    def revoke_key(self, key_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Make a key useless from now on. Needs the role admin. `DELETE /v1/keys/{key_id}`"""
        self._none(ask("DELETE", path("/keys/{}", key_id), if_match=if_match))

    def create_own_key(self, *, days: int | None = None, idempotency_key: str | None = None) -> s.MadeKey:
        """Make a key of the user who is signed in. For a program that asks in their name. It has no more than their
        role, and is of no use once they may not sign in any more or have another password. Made with a session,
        never with a key. A user has 20; the oldest ends. Needs the role viewer. `POST /v1/me/keys`"""
        return self._one(ask("POST", "/me/keys", body={"days": days}, idempotency_key=idempotency_key), s.MadeKey)

    def list_own_keys(
        self,
    ) -> list[s.Key]:
        """All keys of the user who asks, newest first. Needs the role viewer. `GET /v1/me/keys`"""
        return self._many(ask("GET", "/me/keys"), s.Key)

    def revoke_own_key(self, key_id: str) -> None:
        """Make a key of the user who asks useless, also the one they ask by. Needs the role viewer. `DELETE
        /v1/me/keys/{key_id}`"""
        self._none(ask("DELETE", path("/me/keys/{}", key_id)))

    def create_session(self, *, name: str, password: str, account: str | None = None) -> s.Session:
        """Sign in with a user's name and password. Needs no key. After ten wrong passwords of a user from one
        address the next ones wait, longer each time. `POST /v1/sessions`"""
        return self._one(
            ask("POST", "/sessions", body={"account": account, "name": name, "password": password}, keyed=False),
            s.Session,
        )

    def end_sessions(
        self,
    ) -> None:
        """Sign out everywhere: every session of the user who asks ends. By a session. Keys of the user stay. Needs
        the role viewer. `DELETE /v1/sessions`"""
        self._none(ask("DELETE", "/sessions"))

    def list_sessions(self, *, user_id: str | None = None) -> list[s.OpenSession]:
        """Who is signed in to the account, newest first. 1,000 at the most; of one user all, with `user_id`. Those
        of Huawei's tongue are tokens, and not here. Needs the role admin. `GET /v1/sessions`"""
        return self._many(ask("GET", "/sessions", query={"user_id": user_id}), s.OpenSession)

    def end_session(
        self,
    ) -> None:
        """Sign out: the session that asks ends. Needs the role viewer. `DELETE /v1/sessions/current`"""
        self._none(ask("DELETE", "/sessions/current"))

    def close_session(self, session_id: str) -> None:
        """End a session of anybody of the account. Needs the role admin. `DELETE /v1/sessions/{session_id}`"""
        self._none(ask("DELETE", path("/sessions/{}", session_id)))

    def list_own_sessions(
        self,
    ) -> list[s.OpenSession]:
        """Sessions of the user who asks, newest first. Needs the role viewer. `GET /v1/me/sessions`"""
        return self._many(ask("GET", "/me/sessions"), s.OpenSession)

    def close_own_session(self, session_id: str) -> None:
        """End a session of the user who asks. Needs the role viewer. `DELETE /v1/me/sessions/{session_id}`"""
        self._none(ask("DELETE", path("/me/sessions/{}", session_id)))

    def show_me(
        self,
    ) -> s.Me:
        """Who asks. Needs the role viewer. `GET /v1/me`"""
        return self._one(ask("GET", "/me"), s.Me)

    def change_password(self, *, current_password: str, new_password: str) -> None:
        """Change one's own password. By a session, which goes on; the user's others and their keys end. A wrong
        present password counts as one at signing in does. Needs the role viewer. `PUT /v1/me/password`"""
        self._none(
            ask("PUT", "/me/password", body={"current_password": current_password, "new_password": new_password})
        )

    def create_user(
        self,
        *,
        name: str,
        password: str,
        role: Literal["viewer", "operator", "approver", "admin"],
        idempotency_key: str | None = None,
    ) -> s.User:
        """Make a user. Needs the role admin. `POST /v1/users`"""
        return self._one(
            ask(
                "POST",
                "/users",
                body={"name": name, "password": password, "role": role},
                idempotency_key=idempotency_key,
            ),
            s.User,
        )

    def list_users(self, *, sort: Literal["name", "-name", "created_at", "-created_at"] | None = None) -> list[s.User]:
        """All users, by name. Needs the role admin. `GET /v1/users`"""
        return self._many(ask("GET", "/users", query={"sort": sort}), s.User)

    def show_user(self, user_id: str) -> s.User:
        """A user. Needs the role admin. `GET /v1/users/{user_id}`"""
        return self._one(ask("GET", path("/users/{}", user_id)), s.User)

    def update_user(
        self,
        user_id: str,
        *,
        role: Literal["viewer", "operator", "approver", "admin"] | None = None,
        password: str | None = None,
        enabled: bool | None = None,
        if_match: Mapping[str, Any] | str | None = None,
    ) -> s.User:
        """Give a user another role or password, or let them sign in or not. A new password, and `enabled` false, end
        their sessions and keys. The last enabled admin stays one. Needs the role admin. `PATCH
        /v1/users/{user_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/users/{}", user_id),
                body={"role": role, "password": password, "enabled": enabled},
                if_match=if_match,
            ),
            s.User,
        )

    def delete_user(self, user_id: str, *, if_match: Mapping[str, Any] | str | None = None) -> None:
        """Delete a user; their sessions and keys end. Needs the role admin. `DELETE /v1/users/{user_id}`"""
        self._none(ask("DELETE", path("/users/{}", user_id), if_match=if_match))

    def create_account(self, *, name: str, idempotency_key: str | None = None) -> s.MadeAccount:
        """Make an account with its first key. For a server's admin, as all of accounts is. Needs the role admin.
        `POST /v1/accounts`"""
        return self._one(ask("POST", "/accounts", body={"name": name}, idempotency_key=idempotency_key), s.MadeAccount)

    def list_accounts(
        self,
        *,
        sort: Literal["name", "-name", "created_at", "-created_at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.Account]:
        """All accounts, newest first. Needs the role admin. `GET /v1/accounts`"""
        return self._pages(ask("GET", "/accounts", query={"sort": sort, "limit": limit, "cursor": cursor}), s.Account)

    def show_account(self, account_id: str) -> s.Account:
        """An account. Needs the role admin. `GET /v1/accounts/{account_id}`"""
        return self._one(ask("GET", path("/accounts/{}", account_id)), s.Account)

    def update_account(
        self, account_id: str, *, name: str, if_match: Mapping[str, Any] | str | None = None
    ) -> s.Account:
        """Rename an account. Needs the role admin. `PATCH /v1/accounts/{account_id}`"""
        return self._one(
            ask("PATCH", path("/accounts/{}", account_id), body={"name": name}, if_match=if_match), s.Account
        )

    def list_audit(
        self,
        *,
        who: str | None = None,
        operation: str | None = None,
        result: str | None = None,
        about: str | None = None,
        since: str | None = None,
        until: str | None = None,
        sort: Literal["at", "-at"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[s.AuditEntry]:
        """Who changed what and who was refused, newest first. `result` may be `refused`, for every refusal. `about`
        is the id of a device, a rollout or anything else that an entry names. From `since` on, and before
        `until`. Needs the role admin. `GET /v1/audit`"""
        return self._pages(
            ask(
                "GET",
                "/audit",
                query={
                    "who": who,
                    "operation": operation,
                    "result": result,
                    "about": about,
                    "since": since,
                    "until": until,
                    "sort": sort,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            s.AuditEntry,
        )

    def export_audit(
        self,
        *,
        format: Literal["csv", "ndjson"] | None = None,
        who: str | None = None,
        operation: str | None = None,
        result: str | None = None,
        about: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[bytes]:
        """All that the audit's list has, oldest first, in one file. `result` may be `refused`, for every refusal.
        `about` is the id of a device, a rollout or anything else that an entry names. From `since` on, and before
        `until`. In CSV, texts that a spreadsheet would take for a formula have an apostrophe before them. Needs
        the role admin. `GET /v1/audit/export`"""
        return self._stream(
            ask(
                "GET",
                "/audit/export",
                query={
                    "format": format,
                    "who": who,
                    "operation": operation,
                    "result": result,
                    "about": about,
                    "since": since,
                    "until": until,
                },
            )
        )

    def show_server(
        self,
    ) -> s.Server:
        """How the server is. A certificate is a concern 21 days before its end, a disk with less than 5 % or a
        gigabyte free. Needs the role admin. `GET /v1/server`"""
        return self._one(ask("GET", "/server"), s.Server)

    def list_events(
        self,
        *,
        type: Literal[
            "upwell.device.first_seen",
            "upwell.device.version_changed",
            "upwell.device.online",
            "upwell.device.offline",
            "upwell.task.offered",
            "upwell.task.progressed",
            "upwell.task.ended",
            "upwell.rollout.awaits_approval",
            "upwell.rollout.approved",
            "upwell.rollout.refused",
            "upwell.rollout.started",
            "upwell.rollout.wave_opened",
            "upwell.rollout.paused",
            "upwell.rollout.resumed",
            "upwell.rollout.halted",
            "upwell.rollout.canceled",
            "upwell.rollout.ended",
            "upwell.package.verified",
            "upwell.package.failed",
            "upwell.package.lost",
            "upwell.key.made",
            "upwell.key.revoked",
            "upwell.login.refused",
            "upwell.hook.ping",
            "upwell.hook.disabled",
        ]
        | None = None,
        product_id: str | None = None,
        rollout_id: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> s.Events:
        """What happened, oldest first. Without `after` from the oldest that is kept. A page may have fewer items
        than `limit`, and none, before the last. To a request that accepts `text/event-stream` events are sent as
        they happen, from now on or after `after` or `Last-Event-ID`. Needs the role viewer. `GET /v1/events`"""
        return self._one(
            ask(
                "GET",
                "/events",
                query={
                    "type": type,
                    "product_id": product_id,
                    "rollout_id": rollout_id,
                    "after": after,
                    "limit": limit,
                },
            ),
            s.Events,
        )

    def show_event_settings(
        self,
    ) -> s.EventSettings:
        """Which events the account has. Needs the role viewer. `GET /v1/event_settings`"""
        return self._one(ask("GET", "/event_settings"), s.EventSettings)

    def update_event_settings(
        self,
        *,
        devices: bool | None = None,
        presence: bool | None = None,
        keep_days: int | None = None,
        keep_most: int | None = None,
    ) -> s.EventSettings:
        """Have other events from now on. Needs the role admin. `PATCH /v1/event_settings`"""
        return self._one(
            ask(
                "PATCH",
                "/event_settings",
                body={"devices": devices, "presence": presence, "keep_days": keep_days, "keep_most": keep_most},
            ),
            s.EventSettings,
        )

    def create_hook(
        self,
        *,
        target_url: str,
        name: str | None = None,
        types: list[
            Literal[
                "upwell.device.first_seen",
                "upwell.device.version_changed",
                "upwell.device.online",
                "upwell.device.offline",
                "upwell.task.offered",
                "upwell.task.progressed",
                "upwell.task.ended",
                "upwell.rollout.awaits_approval",
                "upwell.rollout.approved",
                "upwell.rollout.refused",
                "upwell.rollout.started",
                "upwell.rollout.wave_opened",
                "upwell.rollout.paused",
                "upwell.rollout.resumed",
                "upwell.rollout.halted",
                "upwell.rollout.canceled",
                "upwell.rollout.ended",
                "upwell.package.verified",
                "upwell.package.failed",
                "upwell.package.lost",
                "upwell.key.made",
                "upwell.key.revoked",
                "upwell.login.refused",
                "upwell.hook.ping",
                "upwell.hook.disabled",
            ]
        ]
        | None = None,
        product_id: str | None = None,
        rollout_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.MadeHook:
        """Have events sent to a URL, from now on. What its `types` name of devices and of their presence the account
        has from now on. Needs the role operator. `POST /v1/hooks`"""
        return self._one(
            ask(
                "POST",
                "/hooks",
                body={
                    "target_url": target_url,
                    "name": name,
                    "types": types,
                    "product_id": product_id,
                    "rollout_id": rollout_id,
                },
                idempotency_key=idempotency_key,
            ),
            s.MadeHook,
        )

    def list_hooks(
        self,
    ) -> list[s.Hook]:
        """All hooks, newest first. Needs the role operator. `GET /v1/hooks`"""
        return self._many(ask("GET", "/hooks"), s.Hook)

    def show_hook(self, hook_id: str) -> s.Hook:
        """One hook. Needs the role operator. `GET /v1/hooks/{hook_id}`"""
        return self._one(ask("GET", path("/hooks/{}", hook_id)), s.Hook)

    def update_hook(
        self,
        hook_id: str,
        *,
        target_url: str | None = None,
        name: str | None = None,
        types: list[
            Literal[
                "upwell.device.first_seen",
                "upwell.device.version_changed",
                "upwell.device.online",
                "upwell.device.offline",
                "upwell.task.offered",
                "upwell.task.progressed",
                "upwell.task.ended",
                "upwell.rollout.awaits_approval",
                "upwell.rollout.approved",
                "upwell.rollout.refused",
                "upwell.rollout.started",
                "upwell.rollout.wave_opened",
                "upwell.rollout.paused",
                "upwell.rollout.resumed",
                "upwell.rollout.halted",
                "upwell.rollout.canceled",
                "upwell.rollout.ended",
                "upwell.package.verified",
                "upwell.package.failed",
                "upwell.package.lost",
                "upwell.key.made",
                "upwell.key.revoked",
                "upwell.login.refused",
                "upwell.hook.ping",
                "upwell.hook.disabled",
            ]
        ]
        | None = None,
        all_types: bool | None = None,
        enabled: bool | None = None,
    ) -> s.Hook:
        """Change a hook, stop it or have it go on. One that is enabled again goes on where it was, with what is
        still kept. Needs the role operator. `PATCH /v1/hooks/{hook_id}`"""
        return self._one(
            ask(
                "PATCH",
                path("/hooks/{}", hook_id),
                body={
                    "target_url": target_url,
                    "name": name,
                    "types": types,
                    "all_types": all_types,
                    "enabled": enabled,
                },
            ),
            s.Hook,
        )

    def delete_hook(self, hook_id: str) -> None:
        """Delete a hook with what waits for it. Needs the role operator. `DELETE /v1/hooks/{hook_id}`"""
        self._none(ask("DELETE", path("/hooks/{}", hook_id)))

    def ping_hook(self, hook_id: str, *, idempotency_key: str | None = None) -> s.Hook:
        """Send a hook an event that says nothing. Needs the role operator. `POST /v1/hooks/{hook_id}/ping`"""
        return self._one(ask("POST", path("/hooks/{}/ping", hook_id), idempotency_key=idempotency_key), s.Hook)

    def rotate_hook_secret(
        self, hook_id: str, *, overlap_hours: int | None = None, idempotency_key: str | None = None
    ) -> s.MadeHook:
        """Give a hook a new secret. For `overlap_hours` what is sent is signed with the old one too. Needs the role
        operator. `POST /v1/hooks/{hook_id}/rotate_secret`"""
        return self._one(
            ask(
                "POST",
                path("/hooks/{}/rotate_secret", hook_id),
                body={"overlap_hours": overlap_hours},
                idempotency_key=idempotency_key,
            ),
            s.MadeHook,
        )

    def redeliver_events(
        self,
        hook_id: str,
        *,
        event_ids: list[str] | None = None,
        first: str | None = None,
        last: str | None = None,
        idempotency_key: str | None = None,
    ) -> s.Hook:
        """Send events again, with the same ids. `event_ids` are of its deliveries. `first` to `last`, or all up to
        `last`, is a range of the account's events that are kept, those that the hook's filters fit. Needs the
        role operator. `POST /v1/hooks/{hook_id}/redeliver`"""
        return self._one(
            ask(
                "POST",
                path("/hooks/{}/redeliver", hook_id),
                body={"event_ids": event_ids, "first": first, "last": last},
                idempotency_key=idempotency_key,
            ),
            s.Hook,
        )

    def list_deliveries(
        self, hook_id: str, *, open: bool | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[s.Delivery]:
        """What was sent and is to be sent, newest event first. Those that are over are kept for 7 days, 5,000 of a
        hook at the most. Needs the role operator. `GET /v1/hooks/{hook_id}/deliveries`"""
        return self._pages(
            ask("GET", path("/hooks/{}/deliveries", hook_id), query={"open": open, "limit": limit, "cursor": cursor}),
            s.Delivery,
        )

    def show_delivery(self, hook_id: str, event_id: str) -> s.DeliveryInFull:
        """One delivery, with what is sent. Needs the role operator. `GET /v1/hooks/{hook_id}/deliveries/{event_id}`"""
        return self._one(ask("GET", path("/hooks/{}/deliveries/{}", hook_id, event_id)), s.DeliveryInFull)
