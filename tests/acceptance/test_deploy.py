"""What deploy/ has for containers: held against the schemas of who reads it, against the settings that there are and
against each other; nginx's configuration is run by a real nginx before a real server."""

import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alibabacloud_iot20180120 import models as m
from demo.debian import command, found
from jsonschema import Draft7Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource
from referencing.jsonschema import DRAFT7

from acceptance.client import new_device, new_package, new_product, new_sdk, serve, until
from acceptance.device import online
from acceptance.tls import certificate, free_port
from scratch import scratch
from upwell.config import Settings
from upwell.config.loading import load

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"
WHEELS = TOP / ".venv" / ".schemas"
MANIFESTS = [
    (file.name, number, each)
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for number, each in enumerate(yaml.safe_load_all(file.read_text()))
]
HOST = "ota.example.com"
COMPOSE = yaml.safe_load(re.sub(r"\$\{OTA_HOST[^}]*\}", HOST, (DEPLOY / "compose" / "compose.yaml").read_text()))
NGINX = (DEPLOY / "compose" / "nginx.conf").read_text()
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text()
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
IMAGE_USER = "10001"


def of_kind(kind: str, name: str = "upwell") -> Any:
    [found_] = [each for _, _, each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found_


def wheel(name: str) -> zipfile.ZipFile:
    files = sorted(WHEELS.glob(f"{name}-*.whl"))
    if not files:
        pytest.skip(f"no schemas here; run: make {WHEELS.relative_to(TOP)}/.tried")
    return zipfile.ZipFile(files[-1])


# Schemas.


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[tuple[zipfile.ZipFile, str]]:
    """The schemas of the newest Kubernetes that the wheel knows, in which what is unknown is an error."""
    with wheel("kubernetes_validate") as schemas:
        names = {name.split("/")[2] for name in schemas.namelist() if "-local-strict/" in name}
        newest = max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
        yield schemas, f"kubernetes_validate/kubernetes-json-schema/{newest}"


@pytest.mark.parametrize(
    "manifest", [pytest.param(each, id=f"{file}-{n}-{each['kind']}") for file, n, each in MANIFESTS]
)
def test_a_manifest_is_what_kubernetes_takes(manifest: Any, kubernetes: tuple[zipfile.ZipFile, str]) -> None:
    schemas, folder = kubernetes
    group, _, version = manifest["apiVersion"].rpartition("/")
    parts = [manifest["kind"].lower(), *filter(None, [group.split(".")[0]]), version]

    def read(uri: str) -> Resource[Any]:
        try:
            return Resource.from_contents(
                json.loads(schemas.read(f"{folder}/{uri.rpartition('/')[2]}")), default_specification=DRAFT7
            )
        except KeyError as exc:
            raise NoSuchResource(ref=uri) from exc

    name = f"{'-'.join(parts)}.json"
    schema = json.loads(schemas.read(f"{folder}/{name}"))
    registry: Registry[Any] = Registry(retrieve=read)  # type: ignore[call-arg]
    validator = validator_for(schema, Draft7Validator)({"$ref": name}, registry=registry)
    assert [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors(manifest)] == []
    # And the schema is one that can say no.
    assert list(validator.iter_errors(manifest | {"spce": {}}))


def test_compose_takes_its_file() -> None:
    with wheel("check_jsonschema") as schemas:
        schema = json.loads(schemas.read("check_jsonschema/builtin_schemas/vendor/compose-spec.json"))
    validator = validator_for(schema)(schema)
    assert [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors(COMPOSE)] == []
    assert list(validator.iter_errors({"services": {"upwell": {"imgae": "upwell"}}}))


# Settings.


def settings(environ: dict[str, str], file: Path | None = None) -> Settings:
    """What the program makes of them; each must be one that it knows."""
    return load({}, environ, file)


def image_environment() -> dict[str, str]:
    text = re.sub(r"\\\n", " ", CONTAINERFILE.rpartition("\nFROM ")[2])
    return dict(
        pair.split("=", 1)
        for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE)
        for pair in line.split()
        if pair.startswith("UPWELL_")
    )


@pytest.fixture
def tls(tmp_path: Path) -> tuple[str, str]:
    cert, key = certificate(tmp_path)
    return str(cert), str(key)


def test_kubernetes_settings_are_the_programs(tls: tuple[str, str]) -> None:
    given = image_environment() | of_kind("ConfigMap")["data"] | of_kind("Secret")["stringData"]
    assert given["UPWELL_TLS_CERT"] == "/etc/upwell/tls/tls.crt"
    known = settings(given | {"UPWELL_TLS_CERT": tls[0], "UPWELL_TLS_KEY": tls[1]})
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {name: place.port for name in ports if (place := getattr(known, name))}
    assert all(getattr(known, name).host == "0.0.0.0" for name in ports)
    for _, _, each in MANIFESTS:
        if each["kind"] == "Service":
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= set(ports)
            assert each["spec"]["selector"] == of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    devices = {each["name"]: each["port"] for each in of_kind("Service", "upwell-devices")["spec"]["ports"]}
    assert (devices["download"], f":{devices['downloads']}") == (80, known.public_tls_url[-5:])  # type: ignore[index]
    assert str(known.data_dir) == "/var/lib/upwell" in {each["mountPath"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
    assert volumes["tls"]["secret"]["secretName"] == of_kind("Secret", "upwell-tls")["metadata"]["name"]
    assert pod["enableServiceLinks"] is False and known.objects_at.startswith("s3://") and known.database_url
    assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + 30


def test_kubernetes_runs_it_restricted_and_scales_by_what_it_tells() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert of_kind("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert (
        pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    )
    assert f"{pod['securityContext']['runAsUser']}" == IMAGE_USER
    own = container["securityContext"]
    assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
    scaler, deployment = of_kind("HorizontalPodAutoscaler")["spec"], of_kind("Deployment")
    assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert scaler["minReplicas"] == deployment["spec"]["replicas"] == 2
    [metric] = [each["pods"]["metric"]["name"] for each in scaler["metrics"] if each["type"] == "Pods"]
    assert f"| `{metric}` | gauge |" in (TOP / "docs" / "metrics.md").read_text()
    assert of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )


def test_the_probes_ask_what_the_server_answers() -> None:
    [container] = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    asked = {container[f"{each}Probe"]["httpGet"]["path"] for each in ("startup", "liveness", "readiness")}
    checked = re.search(r"HEALTHCHECK [^\n]*\\\n  CMD [^\n]*http://127\.0\.0\.1:8686(/\w+)", CONTAINERFILE)
    assert checked is not None
    with serve() as server:
        for path in asked | {checked[1]}:
            with urllib.request.urlopen(f"http://{server.http}{path}", timeout=30) as answer:
                assert answer.status == 200, path


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("openssl"), reason="secrets.sh is run by root, with openssl")
def test_compose_is_given_the_secrets_that_it_names(tmp_path: Path) -> None:
    (script := tmp_path / "secrets.sh").write_text((DEPLOY / "compose" / "secrets.sh").read_text())
    run = ["sh", str(script), HOST]
    subprocess.run(run, check=True, capture_output=True)
    made = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert {f"secrets/{name}" for name in made} == {each["file"] for each in COMPOSE["secrets"].values()}
    services = COMPOSE["services"]
    assert {name for each in services.values() for name in each.get("secrets", ())} == set(made)
    assert all(path.stat().st_mode & 0o007 == 0 for path in made.values())
    assert all(made[name].stat().st_uid == int(IMAGE_USER) for name in services["upwell"]["secrets"])
    # What the server makes of it.
    inside = {"UPWELL_TLS_CERT": "tls.crt", "UPWELL_TLS_KEY": "tls.key"}
    environ = image_environment() | services["upwell"]["environment"]
    for variable, name in inside.items():
        assert environ[variable] == f"/run/secrets/{name}"
        environ[variable] = str(made[name])
    assert environ["UPWELL_CONFIG"] == "/run/secrets/upwell.toml"
    known = settings(environ, made["upwell.toml"])
    password = made["database-password"].read_text().strip()
    assert known.database_url == f"postgresql://upwell:{password}@database/upwell" and len(password) == 48
    assert known.objects_at.startswith("s3://upwell/") and "endpoint=http://s3:8333" in known.objects_at
    words = dict(line.split("=", 1) for line in made["s3.env"].read_text().splitlines())
    [told] = json.loads(made["s3.json"].read_text())["identities"][0]["credentials"]
    assert (told["accessKey"], told["secretKey"]) == (words["AWS_ACCESS_KEY_ID"], words["AWS_SECRET_ACCESS_KEY"])
    # Run again, it changes no secret.
    before = {name: path.read_bytes() for name, path in made.items()}
    subprocess.run(run, check=True, capture_output=True)
    assert before == {name: path.read_bytes() for name, path in made.items()}


def test_compose_shuts_its_containers() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged") and not any("docker.sock" in each for each in service.get("volumes", ()))
        for secret in service.get("environment", {}):
            assert not re.search("(PASSWORD|SECRET|DATABASE_URL)$", secret), (name, secret)
        assert "healthcheck" in service or name in ("upwell", "bucket"), name  # the image's own; it ends
    given = COMPOSE["services"]["upwell"]["environment"]
    doors = {given[f"UPWELL_{name}"].rpartition(":")[2] for name in ("MQTT", "MQTTS", "DOWNLOAD", "DOWNLOADS")}
    assert set(re.findall(r"proxy_pass upwell:(\d+);", NGINX)) == doors
    assert set(re.findall(r"listen (\d+)(?: ssl)?;", NGINX)) == {
        port.partition(":")[2] for port in COMPOSE["services"]["nginx"]["ports"]
    }
    assert given["UPWELL_PROXY_PROTOCOL"].split(",") == ["mqtt", "mqtts", "download", "downloads"]
    assert "proxy_protocol on;" in NGINX.partition("http {")[0]


# The image.


def test_the_container_file_builds_what_runs_without_root() -> None:
    stages = re.split(r"^FROM ", CONTAINERFILE, flags=re.MULTILINE)[1:]
    assert [re.match(r"python:3\.\d+-slim-\w+( AS build)?\n", each) is not None for each in stages] == [True, True]
    assert len({each.split()[0] for each in stages}) == 1  # an environment is moved from one to the other
    last = stages[-1]
    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == [f"{IMAGE_USER}:{IMAGE_USER}"]
    assert f"--uid {IMAGE_USER}" in last and last.index("USER ") > last.index("COPY --from=build")
    assert last.count("HEALTHCHECK") == last.count("ENTRYPOINT") == 1 and 'ENTRYPOINT ["upwell", "serve"]' in last
    assert "VOLUME /var/lib/upwell" in last and "ADD " not in CONTAINERFILE and "curl" not in CONTAINERFILE
    for line in re.findall(r"pip install [^\n]*-r[^\n]*", CONTAINERFILE):
        assert "--require-hashes" in line
    ignored = (TOP / ".dockerignore").read_text().split()
    for words in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE):
        for source in words.split():
            assert (TOP / source).exists() and f"!{source}" in ignored, source
    known = settings(image_environment())
    exposed = re.findall(r"^EXPOSE (.*)$", last, re.MULTILINE)[0].split()
    assert exposed == [str(place.port) for place in (known.http, known.download, known.mqtt) if place is not None]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_the_unit_is_shut() -> None:
    """Issue 15: 2.0 of 10 at most. `make prove ARGS=systemd` starts it."""
    looked = [
        "systemd-analyze",
        "security",
        "--offline=yes",
        "--threshold=20",
        str(DEPLOY / "systemd" / "upwell.service"),
    ]
    done = subprocess.run(looked, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "OK" in done.stdout.splitlines()[-1], done.stdout[-400:] + done.stderr


# nginx.


@pytest.mark.skipif(
    found("nginx") is None or not STREAM_MODULE.exists(),
    reason=f"no nginx with streams here; run: sudo {command('nginx')}",
)
def test_nginx_stands_before_it(tls: tuple[str, str]) -> None:
    """Owners by HTTPS, a device and its download by the PROXY protocol."""
    options = ("--proxy-protocol", "mqtt,download", "--trusted-proxies", "127.0.0.1")
    top = scratch("upwell-nginx-")
    ports = {port: free_port() for port in ("1883", "8883", "8687", "8688", "8443", "8080")}
    with serve(*options, "--public-url", f"http://127.0.0.1:{ports['8687']}") as server:
        text = NGINX
        for port, free in ports.items():
            text = re.sub(rf"listen (127\.0\.0\.1:)?{port}\b", f"listen 127.0.0.1:{free}", text)
        behind = {"1883": server.mqtt, "8883": server.mqtt, "8687": server.download, "8688": server.download}
        for port, place in (behind | {"8686": server.http}).items():
            text = text.replace(f"upwell:{port}", place)
        text = text.replace("/tmp/", f"{top}/").replace("/dev/stderr", f"{top}/error.log")
        text = text.replace("/run/secrets/tls.crt", tls[0]).replace("/run/secrets/tls.key", tls[1])
        assert "upwell:" not in text and "/run/" not in text
        # What is by the machine, not by the file: how many, and as whom its children run.
        text = text.replace("worker_processes auto", "worker_processes 1")
        user = "user root;" if os.geteuid() == 0 else ""
        (top / "nginx.conf").write_text(f"load_module {STREAM_MODULE};\n{user}\n{text}")
        run = [str(found("nginx")), "-c", str(top / "nginx.conf"), "-e", str(top / "error.log"), "-p", str(top)]
        looked = subprocess.run([*run, "-t"], capture_output=True, text=True, check=False)
        assert looked.returncode == 0 and "[warn]" not in looked.stderr, looked.stderr
        process = subprocess.Popen([*run, "-g", "daemon off;"])
        try:
            until(lambda: _answers(ports["8080"]), lambda answered: answered)
            secure = http.client.HTTPSConnection(
                "127.0.0.1", ports["8443"], timeout=30, context=ssl.create_default_context(cafile=tls[0])
            )
            secure.request("GET", "/readyz")
            assert secure.getresponse().status == 200
            secure.close()
            sdk = new_sdk(server.http, server.admin)
            product = new_product(sdk)
            name, secret = new_device(sdk, product)
            image = b"firmware" * 5000
            firmware = new_package(sdk, product, image, need_to_verify=False)
            with online(f"127.0.0.1:{ports['1883']}", product, name, secret, "1.0.0") as device:
                given = {"firmware_id": firmware, "product_key": product, "target_selection": "ALL"}
                assert sdk.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body.success
                url = device.offered()["url"]
                assert f":{ports['8687']}/" in url
                with urllib.request.urlopen(url, timeout=30) as got:
                    assert got.read() == image
                device.inform("2.0.0")
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(top)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 204)
    except OSError:
        time.sleep(0.05)
        return False
