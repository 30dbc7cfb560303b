"""The command line over the API, as a person and a script have it: a real server, real processes, a real terminal."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from acceptance.cli import Person
from acceptance.client import Server, unique

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def admin(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Person:
    token = server.new_key("cli", "admin", "upwell").secret
    environ = {"UPWELL_URL": f"http://{server.http}", "UPWELL_TOKEN": token}
    return Person(home=tmp_path_factory.mktemp("home"), environ=environ)


@pytest.fixture(scope="module")
def product(admin: Person) -> str:
    made = str(admin.do("product", "create", unique("lamp"), "--json").json["id"])
    for name in ("one", "two", "three"):
        admin.do("device", "add", name, "--product", made)
    return made


def test_lists_are_lines_for_scripts_and_documents_with_json(admin: Person, product: str) -> None:
    lines = admin.do("device", "list", "--product", product).lines
    assert [line.split("\t")[0] for line in lines] == [f"{product}_{name}" for name in ("three", "two", "one")]
    assert {line.split("\t")[1] for line in lines} == {"never online"}
    told = admin.do("device", "list", "--product", product, "--limit", "2", "--json").lines
    assert [line[: len('{"id":')] for line in told] == ['{"id":'] * 2
    first = admin.do("device", "list", "--product", product, "--limit", "2")
    assert len(first.lines) == 2 and first.err == "the first 2; there are more: --all, or --limit 20\n"
    assert admin.do("device", "list", "--product", product, "--all", "--limit", "1").err == ""
    none = admin.do("device", "list", "--product", product, "--status", "online")
    assert none.out == "" and "device import" in none.err


def test_one_thing_is_told_by_its_members(admin: Person, product: str) -> None:
    shown = dict(line.split(None, 1) for line in admin.do("device", "show", f"{product}_one").lines)
    assert shown["product"] == product and shown["status"] == "never online"
    assert admin.do("device", "show", f"{product}_one", "--json").json["name"] == "one"
    admin.do("device", "tag", f"{product}_one", "floor=3", "room=kitchen")
    assert admin.do("device", "tag", f"{product}_one", "floor=", "--json").json["tags"] == {"room": "kitchen"}
    assert (
        admin.do("device", "list", "--product", product, "--tag", "room=kitchen")
        .lines[0]
        .startswith(f"{product}_one\t")
    )


@pytest.mark.parametrize(
    ("command", "code", "said", "advice"),
    [
        (("product", "show", "nobody"), 4, "There is no product nobody.", "Check the id"),
        (("product", "create", "x" * 65), 3, "name: ", "It must be at most 64 characters"),
        (("product", "secrt", "x"), 2, "No such command 'secrt'. Did you mean 'secret'?", ""),
        (("prodct",), 2, "No such command 'prodct'. Did you mean 'product'?", ""),
        (("device", "list", "--stats", "online"), 2, "No such option: --stats", "--status"),
        (("device", "list", "--status", "on"), 2, "on", "never_online"),
        (("product", "show", "x", "--context", "none"), 2, "there is no context none", "context list"),
        (("product", "list", "--url", "http://127.0.0.1:1"), 6, "not reached", "is the server running"),
        (("product", "list", "--url", "nonsense"), 2, "no URL", "upwell login"),
        (("rollout", "start", "pkg_0000000000000000"), 4, "package", "Check the id"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    admin: Person, command: tuple[str, ...], code: int, said: str, advice: str
) -> None:
    done = admin.run(*command)
    assert (done.code, done.out) == (code, "") and said in done.err and advice in done.err, done
    assert len(done.err.splitlines()) <= 5


def test_who_may_not_and_who_is_not_known(server: Server, admin: Person, product: str) -> None:
    viewer = server.new_key("cli", "viewer", "upwell").secret
    done = admin.run("product", "rename", product, "x", UPWELL_TOKEN=viewer)
    assert done.code == 5 and "operator" in done.err and "try: " in done.err and "  request " in done.err
    done = admin.run("product", "list", UPWELL_TOKEN="upw_x_y")
    assert done.code == 5 and "upwell login" in done.err
    done = admin.run("product", "show", "nobody", "--json")
    assert done.code == 4 and done.json["type"].endswith("#not-found")
    nobody = Person(home=admin.home / "nobody")
    nobody.home.mkdir()
    done = nobody.run("product", "list")
    assert done.code == 5 and "upwell login http://HOST:8686" in done.err and "UPWELL_TOKEN" in done.err


def test_nothing_is_taken_away_without_a_word(admin: Person, product: str) -> None:
    """Nor is anything asked where nobody is: the number of devices is told, and nothing done."""
    for verb in ("disable", "delete"):
        done = admin.run("device", verb, f"{product}_two", f"{product}_three")
        assert done.code == 2 and "2 devices" in done.err and "--yes" in done.err
    assert admin.do("device", "show", f"{product}_two", "--json").json["status"] == "never_online"
    assert admin.run("device", "disable", f"{product}_two", "nobody", "--yes").code == 4
    assert admin.do("device", "show", f"{product}_two", "--json").json["status"] == "never_online"
    assert admin.do("device", "disable", f"{product}_two", "--yes").lines == [f"{product}_two  disabled"]
    assert admin.do("device", "enable", f"{product}_two").lines == [f"{product}_two  never online"]
    done = admin.run("product", "delete", product)
    assert done.code == 2 and "has 3 devices" in done.err


def test_somebody_at_a_terminal_is_asked(admin: Person, product: str) -> None:
    with admin.at_terminal("device", "disable", f"{product}_one") as terminal:
        assert "This disables 1 device" in terminal.until("[y/N]")
        terminal.type("n\n")
        code, seen = terminal.ended()
        assert code == 2 and "nothing was done" in seen
    with admin.at_terminal("device", "disable", f"{product}_one") as terminal:
        terminal.until("[y/N]")
        assert terminal.interrupted()[0] == 130
    with admin.at_terminal("device", "disable", f"{product}_one") as terminal:
        terminal.until("[y/N]")
        terminal.type("y\n")
        assert terminal.ended()[0] == 0
    assert admin.do("device", "enable", f"{product}_one", "--json").json["status"] == "never_online"


def test_a_table_fits_a_terminal_and_cuts_no_id(admin: Person, product: str) -> None:
    with admin.at_terminal("device", "list", "--product", product, columns=80) as terminal:
        code, seen = terminal.ended()
    lines = [line.rstrip() for line in seen.splitlines() if line.strip()]
    assert code == 0 and lines[0].split() == ["id", "status", "runs", "last", "heard"], seen
    assert [line.split()[0] for line in lines[1:]] == [f"{product}_{name}" for name in ("three", "two", "one")]
    assert max(map(len, lines)) <= 80
    with admin.at_terminal("key", "list", columns=80) as terminal:
        seen = terminal.ended()[1]
    assert "upw_" in seen and "…" not in seen
    with admin.at_terminal("audit", "list", "--operation", "create_device", columns=80) as terminal:
        _, seen = terminal.ended()
    lines = [line.rstrip() for line in seen.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("  ")][1:]
    assert len(told) == 3 and all(line.split()[3] == "create_device" for line in told), "each on a line of its own"
    assert max(map(len, lines)) <= 80 and sum("product_key=" in line for line in lines) == 3


def test_keys_here_and_there(server: Server, admin: Person) -> None:
    """The same noun: an account's own keys over the API, every account's on the server's machine."""
    made = admin.do("key", "create", "--role", "viewer", "--days", "3", "--json").json
    ours = admin.do("key", "list").out
    every = admin.do("key", "list", "--data-dir", str(server.data_dir)).out
    assert made["id"] in ours and made["id"] in every and server.admin.id in every and server.admin.id not in ours
    assert admin.run("product", "list", UPWELL_TOKEN=made["secret"]).code == 0
    assert admin.run("key", "revoke", made["id"]).code == 2
    admin.do("key", "revoke", made["id"], "--yes")
    assert admin.run("product", "list", UPWELL_TOKEN=made["secret"]).code == 5
    revoked = admin.do("audit", "list", "--operation", "revoke_key", "--json").lines
    assert made["id"] in revoked[0]
    lines = admin.do("audit", "list", "--operation", "create_key", "--since", "2026-01-01", "--limit", "1").lines
    assert len(lines) == 1 and "create_key" in lines[0]
    done = admin.run("key", "list", UPWELL_DATA_DIR=str(server.data_dir))
    assert done.code == 2 and "which?" in done.err


# --- completion -----------------------------------------------------------------------------------------------------

BASH = """
source <(upwell completion bash)
complete -p upwell
COMP_WORDS=(upwell {words}) COMP_CWORD={at}
_upwell_completion upwell
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "at", "offered"),
    [
        ("ro", 1, {"rollout"}),
        ("rollout wa", 2, {"watch"}),
        ("key --dat", 2, set()),
        ("device list --st", 3, {"--status"}),
    ],
)
def test_bash_completes(admin: Person, words: str, at: int, offered: set[str]) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH.format(words=words, at=at)], capture_output=True, text=True, timeout=60,
        check=False, env=admin.environment(), cwd=admin.home,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    first, *rest = done.stdout.splitlines()
    assert "_upwell_completion" in first and {each for each in rest if each} == offered


@pytest.mark.parametrize(("shell", "word"), [("zsh", "#compdef upwell"), ("fish", "complete --command upwell")])
def test_other_shells_are_completed_in(admin: Person, shell: str, word: str) -> None:
    script = admin.do("completion", shell).out
    assert word in script and "_UPWELL_COMPLETE" in script
    if shutil.which(shell):
        check = {"zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}[shell]
        assert subprocess.run(check, input=script, text=True, check=False).returncode == 0
    asked = {"_UPWELL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "upwell rollout wa",
             "_TYPER_COMPLETE_FISH_ACTION": "get-args"}  # fmt: skip
    assert "watch" in admin.run(**asked).out


def test_a_reader_who_leaves_is_no_error(admin: Person, product: str) -> None:
    command = f"upwell device list --product {product} --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=admin.environment(), check=False)
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr


# --- signing in -----------------------------------------------------------------------------------------------------


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(home=tmp_path)


def test_a_key_signs_in_and_makes_one_of_its_own(server: Server, person: Person) -> None:
    token = server.new_key("signing", "admin", "upwell").secret
    url = f"http://{server.http}"
    done = person.do("login", url, "--key", "--name", "here", given=f"{token}\n")
    assert "with a key of its own" in done.out and token not in done.out + done.err
    kept = json.loads((person.home / ".config/upwell/contexts.json").read_text())
    own = kept["contexts"]["here"]["token"]
    assert own != token and stat.S_IMODE((person.home / ".config/upwell/contexts.json").stat().st_mode) == 0o600
    made = json.loads(person.do("key", "list", "--json").lines[0])
    assert own.startswith(made["id"]) and made["role"] == "admin" and made["expires_at"]
    shown = person.do("context", "show", "--json").json
    assert shown["url"] == url and made["id"] in shown["who"]
    person.do("login", url, "--name", "again", UPWELL_TOKEN=token)
    assert person.do("context", "list").lines[1].split("\t")[:2] == ["*", "again"]
    person.do("context", "use", "here")
    assert "signed out of here" in person.do("logout").out
    assert person.run("product", "list", UPWELL_URL=url, UPWELL_TOKEN=own).code == 5
    assert person.run("product", "list", UPWELL_URL=url, UPWELL_TOKEN=token).code == 0
    assert person.do("product", "list").code == 0  # by the other context
    person.do("logout", "again")
    assert person.run("product", "list").code == 5 and person.run("logout").code == 5


def test_a_user_signs_in_with_a_password(server: Server, admin: Person, person: Person) -> None:
    name, url = unique("ann"), f"http://{server.http}"
    made = admin.do("user", "create", name, "--role", "operator", "--password-stdin", "--json", given="correct horse\n")
    assert made.json["name"] == name
    where = ("login", url, "--user", name, "--account", "cli", "--password-stdin")
    done = person.run(*where, given="wrong horse\n")
    assert done.code == 5 and "name and password" in done.err and "horse" not in done.err
    assert "with a key of its own" in person.do(*where, given="correct horse\n").out
    assert person.do("context", "show", "--json").json["who"] == f"user {name} (operator)"
    session = httpx.post(f"{url}/v1/sessions", json={"account": "cli", "name": name, "password": "correct horse"})
    [seen] = [json.loads(line) for line in admin.do("session", "list", "--user", name, "--json").lines]
    assert session.json()["id"] == seen["id"] and name in admin.do("session", "list").out
    assert "PostgreSQL" in admin.do("server").out and "concerns" in admin.do("server", "--json").json
    assert admin.run("session", "list", "--mine", "--user", name).code == 2
    assert admin.run("session", "end", seen["id"]).code == 2
    admin.do("session", "end", seen["id"], "--yes")
    assert "nobody is" in admin.do("session", "list", "--user", name).err
    assert admin.run("session", "end", seen["id"], "--mine", "--yes").code == 4
    exported = admin.do("audit", "export", "--format", "csv", "--about", seen["id"]).out
    assert exported.startswith("id,at,who") and "close_session" in exported
    admin.do("user", "change", name, "--disable")
    assert person.run("product", "list").code == 5
    assert admin.do("user", "list").out.count(f"{name}\toperator\tno\t") == 1
    admin.do("user", "change", name, "--enable", "--role", "viewer")
    person.do(*where, given="correct horse\n")
    kept = next(iter(json.loads((person.home / ".config/upwell/contexts.json").read_text())["contexts"].values()))
    token, key = kept["token"], kept["key_id"]
    assert token.startswith("upw_") and kept["made"] == "own key" and kept["expires_at"]
    [mine] = person.do("key", "list", "--mine").lines
    assert mine.split("\t")[:4] == [key, "upwell", "viewer", name] and person.run("key", "list").code == 5
    [shown] = [line.split("\t") for line in admin.do("key", "list").lines if line.startswith(key)]
    assert shown[3] == name
    [beside] = [line.split("\t") for line in server.run("key", "list").splitlines() if line.startswith(key)]
    assert beside[4] == name
    other = Person(home=person.home / "other")
    other.home.mkdir()
    other.do(*where, given="correct horse\n")
    first, *_ = (line.split("\t")[0] for line in person.do("key", "list", "--mine").lines)
    assert person.run("key", "revoke", first, "--mine").code == 2
    person.do("key", "revoke", first, "--mine", "--yes")
    assert other.run("product", "list").code == 5, "a machine that was lost"
    person.do("logout")
    entry = admin.do("audit", "list", "--who", f"user {name}", "--operation", "revoke_own_key", "--json").lines
    assert json.loads(entry[0])["who"] == f"user {name}, key {key}"
    assert person.run("product", "list", UPWELL_URL=url, UPWELL_TOKEN=token).code == 5
    assert admin.run("user", "delete", name).code == 2
    admin.do("user", "delete", name, "--yes")
    assert admin.run("user", "change", name, "--enable").code == 4


def test_a_user_changes_their_own_password(server: Server, admin: Person, person: Person) -> None:
    """All their keys end, and this machine has a new one; a wrong one, or a key that is no user's, changes nothing."""
    name, url = unique("eve"), f"http://{server.http}"
    admin.do("user", "create", name, "--role", "viewer", "--password-stdin", given="correct horse\n")
    login = ("login", url, "--user", name, "--account", "cli", "--password-stdin")
    person.do(*login, given="correct horse\n")
    other = Person(home=person.home / "other")
    other.home.mkdir()
    other.do(*login, given="correct horse\n")
    change = ("password", "--password-stdin")
    assert person.run(*change, given="wrong horse\nnew stable\n").code == 5
    assert person.run(*change, given="correct horse\nshort\n").code == 3
    assert "has a new key" in person.do(*change, given="correct horse\nnew stable\n").out
    assert person.do("product", "list").code == 0 and other.run("product", "list").code == 5
    assert len(person.do("key", "list", "--mine").lines) == 1
    assert other.run(*login, given="correct horse\n").code == 5
    other.do(*login, given="new stable\n")
    kept = json.loads((person.home / ".config/upwell/contexts.json").read_text())["contexts"]
    token = next(iter(kept.values()))["token"]
    bare = person.run(*change, given="new stable\nanother one\n", UPWELL_URL="http://localhost:1", UPWELL_TOKEN=token)
    assert bare.code == 6
    bare = Person(home=other.home, environ={"UPWELL_URL": url + "/", "UPWELL_TOKEN": token}).run(
        *change, given="x\ny\n"
    )
    assert bare.code == 2 and "the environment's" in bare.err
    refused = admin.run(*change, given="a\nb\n")
    assert refused.code == 2 and "by a key, not as a user" in refused.err


def test_a_person_at_a_terminal_is_asked_who_they_are(server: Server, admin: Person, person: Person) -> None:
    name = unique("bob")
    admin.do("user", "create", name, "--role", "viewer", "--password-stdin", given="correct horse\n")
    with person.at_terminal("login", f"http://{server.http}", "--account", "cli") as terminal:
        terminal.until("User name")
        terminal.type(f"{name}\n")
        terminal.until("Password: ")  # the space comes when nothing is echoed any more
        terminal.type("correct horse\n")
        code, seen = terminal.ended()
    assert code == 0 and f"as user {name}" in seen and "correct horse" not in seen


def test_a_key_that_makes_none_is_kept_as_it_is(server: Server, person: Person) -> None:
    token = server.new_key("cli", "viewer", "upwell").secret
    assert "with the key that you gave" in person.do("login", f"http://{server.http}", "--key", given=token).out
    assert "lives on" in person.do("logout").out
    assert person.run("product", "list", UPWELL_URL=f"http://{server.http}", UPWELL_TOKEN=token).code == 0


@pytest.mark.parametrize(
    ("command", "given", "code", "said"),
    [
        (("--key",), "upw_x_y\n", 5, "does not take it"),
        (("--key",), "", 5, "does not take it"),
        ((), "", 2, "nobody is here to be asked who you are"),
        (("--user", "ann"), "", 2, "--password-stdin"),
    ],
)
def test_nobody_is_signed_in(
    server: Server, person: Person, command: tuple[str, ...], given: str, code: int, said: str
) -> None:
    done = person.run("login", f"http://{server.http}", *command, given=given)
    assert done.code == code and said in done.err and "try: " in done.err
    assert not (person.home / ".config").exists()
    assert person.run("login", "http://127.0.0.1:1", "--key", given="upw_x_y").code == 6


# --- packages and rollouts ------------------------------------------------------------------------------------------


def test_a_rollout_is_started_and_steered(admin: Person, product: str) -> None:
    (admin.home / "lamp 3.bin").write_bytes(b"firmware" * 5000)
    upload = ("package", "upload", "lamp 3.bin", "--product", product, "--json")
    made = admin.do(*upload, "--version", "3.0").json
    assert (made["name"], made["size"], made["status"]) == ("lamp 3 3.0", 40_000, "exempt")
    package = made["id"]
    for options, said in (
        ((), "nothing says which devices"), (("--all", "--percent", "5"), "two options say which devices"),
        (("--all",), f"all devices of {product}, 3 devices"), (("--percent", "34"), "1 device,"),
    ):  # fmt: skip
        done = admin.run("rollout", "start", package, *options)
        assert done.code == 2 and said in done.err, done
    assert admin.do("rollout", "list", "--package", package).out == ""
    rollout = admin.do("rollout", "start", package, "--device", "one", "--confirm", "--json").json["id"]
    while "confirm=1" not in (shown := admin.do("rollout", "show", rollout).out):
        pass
    assert f"upwell rollout confirm {rollout} --all" in shown
    assert admin.run("rollout", "confirm", rollout).code == 2
    done = admin.run("rollout", "confirm", rollout, "--all")
    assert done.code == 2 and "1 device" in done.err
    assert admin.do("rollout", "confirm", rollout, "--all", "--yes").lines == ["confirmed  1"]
    assert admin.do("rollout", "tasks", rollout).lines[0].split("\t")[:2] == [f"{product}_one", "queued"]
    done = admin.run("rollout", "cancel", rollout)
    assert done.code == 2 and "1 device" in done.err
    assert admin.do("rollout", "cancel", rollout, "--yes").lines == ["cancelled  1"]
    done = admin.run("rollout", "watch", rollout, "--exit-status")
    assert done.code == 1 and "canceled 1" in done.out and "1 were cancelled" in done.err
    assert admin.do("rollout", "watch", rollout, "--json").json["tasks"]["canceled"] == 1
    assert "no device has failed" in admin.do("rollout", "why-failed", rollout).err
    assert admin.run("rollout", "show", "ro_0000000000000000").code == 4
    unverified = admin.do(*upload, "--version", "3.1", "--name", "tried", "--verify").json
    assert unverified["status"] == "unverified"
    assert admin.run("rollout", "start", unverified["id"], "--all", "--yes").code == 3
    tried = admin.do("package", "verify", unverified["id"], "--device", "two", "--json").json
    assert tried["kind"] == "verify"
    admin.do("rollout", "cancel", tried["id"], "--yes")
    assert admin.run("package", "delete", unverified["id"]).code == 2


def test_lists_of_devices_come_and_go(admin: Person) -> None:
    product = str(admin.do("product", "create", unique("listed"), "--json").json["id"])
    rows = "name,tags\nkitchen,floor=1\nb b,\nhall,floor=2;room=hall\n"
    done = admin.run("device", "import", "-", "--product", product, "--secrets", "s.ndjson", given=rows)
    assert done.code == 1 and "made        2" in done.out and "refused     1" in done.out and "row 3: " in done.out
    secrets = [json.loads(line) for line in (admin.home / "s.ndjson").read_text().splitlines()]
    assert [each["name"] for each in secrets] == ["kitchen", "hall"] and all(each["secret"] for each in secrets)
    assert stat.S_IMODE((admin.home / "s.ndjson").stat().st_mode) == 0o600
    told = admin.do("device", "export", "--product", product, "--format", "ndjson").lines
    assert {json.loads(line)["name"] for line in told} == {"kitchen", "hall"} and "secret" not in told[0]
    done = admin.do("device", "import", "-", "--product", product, given="name\nkitchen\n")
    assert "were there  1" in done.out
    assert admin.run("device", "import", "none.csv", "--product", product).code == 2
    assert admin.run("device", "import", "-", "--product", "nobody", given="name\nx\n").code == 4
