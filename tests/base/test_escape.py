"""Text from strangers is shown as it is written, and makes nothing do anything."""

from __future__ import annotations

import html
import subprocess
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.base.escape import (
    as_argument,
    as_code_in_markdown,
    as_command,
    for_commit,
    for_html,
    for_markdown,
    for_terminal,
    on_one_line,
    without_labels,
)

TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\x00\x07\x1b\x7f\x85\x9b\n\r\v\f\t\u200b\u200e\u2028\u202e\u2066\u3164`'\\|_"
        ),
    )
)
ONE_LINE: list[Callable[[str], str]] = [
    on_one_line, for_markdown, as_code_in_markdown, for_commit, as_argument
]  # fmt: skip


def acts(text: str) -> list[str]:
    """The characters that a terminal or a reader would obey, or not see."""
    return [
        c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp", "Co"}
    ]


@pytest.mark.parametrize(
    ("hostile", "seen"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m", id="colour"),
        pytest.param("\x1b]8;;http://x\x07y", "\\x1b]8;;http://x\\x07y", id="OSC link and BEL"),
        pytest.param("\x9b2J", "\\x9b2J", id="C1 control"),
        pytest.param("a\u202egnp.exe", "a\\u202egnp.exe", id="right to left"),
        pytest.param(
            "a\u2066b\u2069\u200e\u200f", "a\\u2066b\\u2069\\u200e\\u200f", id="isolates and marks"
        ),
        pytest.param("te\u200bst\ufeff\u2060", "te\\u200bst\\ufeff\\u2060", id="no width"),
        pytest.param("a\u3164b\u115f", "a\\u3164b\\u115f", id="letters that are drawn as nothing"),
        pytest.param("\U000e0041", "\\U000e0041", id="a tag"),
        pytest.param("\udc80", "\\udc80", id="an undecodable byte of a name"),
        pytest.param("100\b\b\b 0\rx", "100\\x08\\x08\\x08 0\\x0dx", id="written over"),
        pytest.param("日本 é \u00a0ü\t|", "日本 é \u00a0ü\t|", id="what is to be read"),
    ],
)
def test_what_would_act_is_shown(hostile: str, seen: str) -> None:
    assert for_terminal(hostile) == seen


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_no_line_end_is_left_on_one_line(end: str) -> None:
    assert on_one_line(f"a{end}next: rm -rf ~") == "a next: rm -rf ~"
    assert for_commit(f"a{end}Signed-off-by: x") == "a Signed-off-by: x"
    assert for_markdown(f"a{end}# b") == "a \\# b"


@pytest.mark.parametrize("label", ["next:", "error:", "  next:", "NEXT :", "\tError:"])
def test_no_line_passes_for_one_of_ours(label: str) -> None:
    assert without_labels(f"a\n{label} rm -rf ~") == f"a\n| {label} rm -rf ~"
    assert without_labels(f"what {label} is") == f"what {label} is"


@pytest.mark.parametrize(
    ("hostile", "written"),
    [
        pytest.param("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>", id="HTML"),
        pytest.param("&#x202e;", "\\&\\#x202e;", id="entity"),
        pytest.param("![x](y)", "\\!\\[x\\](y)", id="image"),
        pytest.param("a | b", "a \\| b", id="cell"),
        pytest.param("__init__.py in a_b", "\\_\\_init\\_\\_.py in a_b", id="underlines"),
        pytest.param("\u202e", "\\\\u202e", id="an escape that is read as one"),
    ],
)
def test_markdown_reads_no_markup(hostile: str, written: str) -> None:
    assert for_markdown(hostile) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("tests/test_a.py", "tests/test_a.py", id="plain"),
        pytest.param("a b;rm", "'a b;rm'", id="quoted"),
        pytest.param("a\nb", "$'a\\012b'", id="line end"),
        pytest.param("it's\x1b", "$'it\\047s\\033'", id="quote and ESC"),
    ],
)
def test_an_argument_is_one_word_of_a_shell(text: str, written: str) -> None:
    assert as_argument(text) == written


@given(TEXT)
def test_a_terminal_obeys_nothing(text: str) -> None:
    assert set(acts(for_terminal(text))) <= {"\n", "\t"}
    assert for_terminal(for_terminal(text)) == for_terminal(text)


@pytest.mark.parametrize("write", ONE_LINE)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXT)
def test_one_line_is_one_line(write: Callable[[str], str], text: str) -> None:
    written = write(text)
    assert set(acts(written)) <= {"\t"}
    assert len(written.splitlines()) <= 1


@given(TEXT)
def test_no_markup_is_left_in_markdown(text: str) -> None:
    left = for_markdown(text).replace("\\\\", "")
    assert not any(left.startswith(char) for char in "<>`*#|[]~&!_")
    assert not any(
        char in "<>`*#|[]~&!" and left[at - 1] != "\\" for at, char in enumerate(left) if at
    )


@given(TEXT)
def test_code_in_markdown_ends_where_it_should(text: str) -> None:
    written = as_code_in_markdown(text)
    fence = written[: len(written) - len(written.lstrip("`"))]
    inner = written.removeprefix(fence).removesuffix(fence)
    assert fence not in inner.strip(" ") or not inner


@given(TEXT)
def test_html_holds_no_tag(text: str) -> None:
    written = for_html(text)
    assert not {"<", ">", '"', "'"} & set(written)
    assert html.unescape(written) == for_terminal(text)


@given(TEXT)
def test_no_line_begins_like_ours(text: str) -> None:
    lines = without_labels(for_terminal(f"{text}\nnext:{text}")).split("\n")
    assert not any(line.lower().lstrip().startswith(("next:", "error:")) for line in lines)


@settings(max_examples=20, deadline=None)
@given(st.lists(TEXT.filter(lambda text: "\0" not in text), min_size=1, max_size=20))
def test_a_shell_reads_the_same_words(words: list[str]) -> None:
    given_words = [w.encode("utf-8", "replace").decode() for w in words]
    command = f"printf '%s\\0' {as_command(given_words)}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60)
    assert ended.stdout.decode().split("\0")[:-1] == given_words
