"""Rows as values: what the doors of devices are told of a device, in one function each."""

import json

from upwell.domain.connected import LoginFacts, Stream, SubDevice
from upwell.storage.database import Row, filled


def login_facts_of(row: Row) -> LoginFacts:
    """What checks the login of the device in a row, whatever it was looked for by."""
    return filled(LoginFacts, row, product_facts=json.loads(row["product_facts"]))


def sub_device_of(row: Row) -> SubDevice:
    """The device in a row, behind a gateway."""
    return filled(SubDevice, row)


def file_of(row: Row) -> Stream:
    """The file in a row."""
    return Stream(row["object_key"], row["size"])
