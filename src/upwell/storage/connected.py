"""Rows as values: what the doors of devices are told of a device, in one function each."""

import json
from dataclasses import fields

from upwell.domain.connected import LoginFacts, Stream, SubDevice
from upwell.storage.database import Row, values


def login_facts_of(row: Row) -> LoginFacts:
    """What checks the login of the device in a row, whatever it was looked for by."""
    facts = values(row)
    found = {each.name: facts[each.name] for each in fields(LoginFacts)}
    return LoginFacts(**found | {"product_facts": json.loads(facts["product_facts"])})


def sub_device_of(row: Row) -> SubDevice:
    """The device in a row, behind a gateway."""
    return SubDevice(row["product_key"], row["name"], row["public_id"])


def file_of(row: Row) -> Stream:
    """The file in a row."""
    return Stream(row["object_key"], row["size"])
