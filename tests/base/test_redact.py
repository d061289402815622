"""Values of the environment are hidden in every form they are printed in, and nothing else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.base import redact
from orchestrator.base.redact import for_record, learn, redacted, redacted_id

SECRETS = {
    "DATABASE_URL": "postgres://me:pa55 w'rd@db.example/x?y=1",
    "GH_PAT": "ghp_0123456789abcdef",
    "SESSION_COOKIE": 'sess=é\\1; "x"',
    "SSH_PRIVATE_KEY": "-----BEGIN KEY-----\nb3BlbnNzaC1rZXk\nAAAAB3NzaC1yc2E=\n-----END KEY-----\n",
    "SHORT_TOKEN": "s3cr3t",
}
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "repr": repr,
    "ascii": ascii,
    "a list": lambda value: repr([value]),
    "bytes": lambda value: repr(value.encode()),
    "JSON": json.dumps,
    "JSON of UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
    "repr of JSON": lambda value: repr(json.dumps(value)),
    "repr of repr": lambda value: repr(repr(value)),
    "address": lambda value: quote(value, safe=""),
    "path of an address": quote,
    "form": quote_plus,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 without padding": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    "base64 of addresses": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "line by line": lambda value: "\nE   ".join(value.splitlines()),
}


def known_parts(value: str, least: int = 6) -> set[str]:
    """Every part of a value that would still tell it, in no order."""
    return {value[at : at + least] for at in range(len(value) - least + 1)}


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_learned", {})
    monkeypatch.setattr(redact, "_known", None)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SECRETS)
def test_no_form_of_a_value_is_left(name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = SECRETS[name]
    monkeypatch.setenv(name, value)
    written = FORMS[form](value)
    left = redacted(f"before {written} after")
    assert f"[{name}]" in left
    assert left.startswith("before ")
    assert left.endswith(" after")
    for part in known_parts(written):
        assert part not in left


@pytest.mark.parametrize("dots", ["...", "…"])
def test_what_an_ellipsis_left_of_a_value_is_hidden(
    dots: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = SECRETS["DATABASE_URL"]
    monkeypatch.setenv("DATABASE_URL", value)
    left = redacted(f"{{'x': '{value[:14]}{dots}{value[-9:]}'}}")
    assert left == f"{{'x': '[DATABASE_URL]{dots}[DATABASE_URL]'}}"


def test_the_password_of_an_address_is_hidden_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me:correct-horse@db/x")
    assert redacted("login as me with correct-horse failed") == (
        "login as me with [DATABASE_URL] failed"
    )


def test_values_that_hold_or_overlap_each_other_leave_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "A_ONE": "abcdefgh",
        "B_TWO": "efghijkl",
        "C_ALL": "abcdefghijklmnop",
    }.items():
        monkeypatch.setenv(name, value)
    assert redacted("<abcdefghijklmnop>") == "<[C_ALL]>"
    assert redacted("<abcdefghijkl>") == "<[A_ONE]>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("SOME_DIR", "/home/somebody/project", id="path"),
        pytest.param("SOME_DIRS", "/usr/local/bin:/usr/bin:/bin", id="paths"),
        pytest.param("SOME_FILE", "./tests/data.json", id="relative path"),
        pytest.param("SOME_HOME", "~/project/data", id="path from home"),
        pytest.param("SOME_LOCALE", "de_DE.UTF-8", id="locale"),
        pytest.param("SOME_COUNT", "1234567890", id="number"),
        pytest.param("SOME_PART", "-12345.678e10", id="number with a part"),
        pytest.param("SOME_VERSION", "v12.10.3-rc.1", id="version"),
        pytest.param("SOME_DAY", "2024-11-05", id="date"),
        pytest.param("SOME_TIME", "2024-11-05T10:20:30Z", id="time"),
        pytest.param("SOME_MODE", "testing", id="short"),
        pytest.param("USER", "somebody-long", id="who it is"),
        pytest.param("TERM", "xterm-256color", id="terminal"),
        pytest.param("LC_TIME", "something-odd", id="any LC"),
        pytest.param("ORCHESTRATE_RUN", "0123456789abcdef", id="ours"),
        pytest.param("PYTEST_CURRENT_TEST", "tests/test_a.py::test (call)", id="pytest"),
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert redacted(f"it is {value}!") == f"it is {value}!"


@pytest.mark.parametrize("name", ["MY_TOKEN", "db_password", "API_KEY", "AUTHORIZATION", "PRIVATE"])
def test_a_name_that_sounds_like_a_secret_hides_more(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "123456")
    assert redacted("it is 123456!") == f"it is [{name}]!"


def test_an_author_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    assert redacted("by Somebody Else") == "by Somebody Else"


def test_a_changed_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_PAT", "first-value")
    assert redacted("first-value second-value") == "[GH_PAT] second-value"
    monkeypatch.setenv("GH_PAT", "second-value")
    assert redacted("first-value second-value") == "first-value [GH_PAT]"


def test_what_a_program_loaded_itself_is_hidden_too() -> None:
    learn({"FROM_DOTENV": "loaded-by-itself", "HOME": "/home/x/elsewhere"})
    assert redacted("loaded-by-itself in /home/x/elsewhere") == "[FROM_DOTENV] in /home/x/elsewhere"


def test_an_id_keeps_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_PAT", "test_something")
    assert redacted_id("tests/test_something.py::test_it[test_something]") == (
        "tests/test_something.py::test_it[[GH_PAT]]"
    )
    assert redacted_id("tests/test_something.py") == "tests/test_something.py"


def test_what_is_recorded_has_no_secret_and_no_lone_surrogate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GH_PAT", SECRETS["GH_PAT"])
    said = for_record(f"{SECRETS['GH_PAT']} \udc80 at 0x7f00aa in /top/of/x.py", top="/top/of")
    assert said == "[GH_PAT] \\udc80 at 0x… in x.py"


@settings(max_examples=200)
@given(st.text(min_size=8).filter(lambda value: value.strip() == value and "\0" not in value))
def test_any_value_is_hidden_in_any_form(value: str) -> None:
    secret = f"Qq{value}Zz" if value.isprintable() else "Qq-else-Zz"
    learn({"ANY_SECRET": secret})
    for form in ("raw", "repr", "JSON", "a list", "address", "base64"):
        if form in {"address", "base64"} and not secret.isascii():
            continue
        left = redacted(FORMS[form](secret))
        assert secret not in left
        assert "[ANY_SECRET]" in left


def test_what_is_hidden_is_worked_out_once_for_an_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, made = [], redact._made

    def counted(state: Mapping[str, str]) -> Iterator[redact._Form]:
        asked.append(1)
        return made(state)

    monkeypatch.setattr(redact, "_made", counted)
    for number in range(10_000):
        redacted(f"culprit: TestA::test_b: passes without the edit {number}")
    assert len(asked) == 1
    monkeypatch.setenv("GH_PAT", SECRETS["GH_PAT"])
    assert redacted(SECRETS["GH_PAT"]) == "[GH_PAT]"
    assert len(asked) == 2
