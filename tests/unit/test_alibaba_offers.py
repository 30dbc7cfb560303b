"""The rarer forms of an offer as golden bytes: several files, download over MQTT, SHA-256."""

import json
from dataclasses import replace
from uuid import UUID

import pytest

from upwell.dialects.alibaba import offers
from upwell.domain.errors import Invalid
from upwell.domain.talk import Offer, OfferedFile, TaskRef, stream_of

TASK = TaskRef(device_id=UUID(int=5), job_id=77)
MD5, SHA = "93230c3bde425a9d7984a594ac55ea1e", "ab" * 32
PLAIN = Offer(
    task=TASK, module="default", version="2.0.0", size=9, md5=MD5, sha256=SHA, url="http://h/p", is_delta=False,
    udi=None, tags=(),
)  # fmt: skip
FILES = (
    OfferedFile(name="app.bin", url="http://h/0", size=5, md5=MD5, sha256=SHA),
    OfferedFile(name="数据", url="http://h/1", size=4, md5=MD5.upper(), sha256=SHA),
)


def data_of(offer: Offer) -> str:
    _, payload = offers.upgrade_push(offer, "pk", "dn", 7)
    head, tail = '{"code":"1000","data":', ',"id":7,"message":"success"}'
    text = payload.decode()
    assert text.startswith(head) and text.endswith(tail)
    return text[len(head) : -len(tail)]


def test_sha256_is_the_sign_and_md5_stays_for_c3() -> None:
    assert data_of(replace(PLAIN, sign_method="SHA256")) == (
        f'{{"size":9,"version":"2.0.0","url":"http://h/p","md5":"{MD5}","sign":"{SHA}","signMethod":"SHA256"}}'
    )


def test_mqtt_has_a_stream_and_no_url() -> None:
    stream = stream_of(TASK)
    assert 0 <= stream < 2**31
    assert data_of(replace(PLAIN, protocol="MQTT", url="", module="MCU", is_delta=True)) == (
        f'{{"size":9,"version":"2.0.0","dProtocol":"mqtt","streamId":{stream},"streamFileId":1,"md5":"{MD5}",'
        f'"sign":"{MD5}","signMethod":"Md5","module":"MCU","isDiff":1}}'
    )


def test_files_take_the_place_of_size_and_url_and_come_before_the_tags() -> None:
    several = replace(PLAIN, url="", md5="", sha256="", files=FILES, tags=(("k", "v"),), module="MCU")
    file = f'"fileSign":"{MD5}","fileMd5":"{MD5}"}}'
    assert data_of(several) == (
        '{"version":"2.0.0","signMethod":"Md5","module":"MCU","files":['
        f'{{"fileName":"app.bin","fileUrl":"http://h/0","fileSize":5,{file},'
        f'{{"fileName":"数据","fileUrl":"http://h/1","fileSize":4,{file}],"extData":{{"k":"v"}}}}'
    )
    signs = [f["fileSign"] for f in json.loads(data_of(replace(several, sign_method="SHA256")))["files"]]
    assert signs == [SHA, SHA]


@pytest.mark.parametrize(
    ("offer", "field"),
    [
        (replace(PLAIN, files=FILES, protocol="MQTT"), "protocol"),
        (replace(PLAIN, files=(replace(FILES[0], name='a"b'),)), "files"),
        (replace(PLAIN, files=(replace(FILES[0], name="a\\b"),)), "files"),
        (replace(PLAIN, files=(replace(FILES[0], name=""),)), "files"),
        (replace(PLAIN, files=(replace(FILES[0], name="message"),)), "files"),
        (replace(PLAIN, files=(replace(FILES[0], url="http://h/ "),)), "files"),
        (replace(PLAIN, files=(replace(FILES[0], md5=""),)), "md5"),
        (replace(PLAIN, sha256="", sign_method="SHA256"), "sha256"),
        (replace(PLAIN, md5="", protocol="MQTT"), "md5"),
        (replace(PLAIN, protocol="MQTT", tags=(("url", "1"),)), "tags"),
    ],
)
def test_what_devices_would_misread(offer: Offer, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        offers.upgrade_push(offer, "pk", "dn", 7)
    assert caught.value.field == field
