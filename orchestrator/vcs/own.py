"""How our own git is started, whatever the user has set for theirs.

Their settings are for what they see and for how they commit. What we ask git must be answered in
one way: so what changes the answer is overridden here, and nothing else is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

REDIRECTING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE", "GIT_QUARANTINE_PATH", "GIT_ATTR_SOURCE", "GIT_CONFIG",
)  # fmt: skip
"""Variables that let git work on something else than the repository as it stands."""

_PATHSPECS = (
    "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
)  # fmt: skip
_NOT_TRACES = (
    "GIT_TRACE_REDACT", "GIT_TRACE_CURL_NO_DATA", "GIT_TRACE2_BRIEF", "GIT_TRACE2_MAX_FILES",
    "GIT_TRACE2_ENV_VARS", "GIT_TRACE2_CONFIG_PARAMS", "GIT_TRACE2_DST_DEBUG",
    "GIT_TRACE2_PARENT_NAME", "GIT_TRACE2_PARENT_SID",
)  # fmt: skip
"""What begins as the variables do that let git print what it does, and is none of them."""

_SETTINGS = (
    # which files are looked at, and whether git sees what was written to them
    "submodule.recurse=false",
    "core.fsmonitor=false",
    "core.ignoreStat=false",
    "diff.autoRefreshIndex=true",
    "status.showUntrackedFiles=normal",
    "add.ignoreErrors=false",
    "log.follow=false",
    # how it is printed
    "diff.relative=false",
    f"diff.orderFile={os.devnull}",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "color.ui=false",
    "color.diff=false",
    "column.ui=never",
    "log.showSignature=false",
    "i18n.logOutputEncoding=UTF-8",
    # what becomes of a patch that is applied
    "apply.whitespace=nowarn",
    "apply.ignoreWhitespace=no",
)
_SETTINGS_OF_A_COMMIT = (
    "core.fsync=all",
    "i18n.commitEncoding=UTF-8",
    "commit.verbose=false",
    # it would go on beside the run, and hold its lock; the user's next commit does it
    "gc.auto=0",
    "maintenance.auto=false",
)
"""Hooks, signing, filters and names stay the user's."""


def options(*, literal: bool, is_ours: bool) -> list[str]:
    """What stands before a command of ours; `literal` takes paths as they are written.

    `is_ours` says that it is run in a work tree of ours.
    """
    own = [*_SETTINGS, *(["core.splitIndex=false"] if is_ours else [])]
    return ["--no-pager", *_given(own), *(["--literal-pathspecs"] if literal else [])]


def commit_options(*, is_ours: bool) -> list[str]:
    """What stands before a commit: hooks inherit it, so that it is no more than is needed."""
    own = [*_SETTINGS_OF_A_COMMIT, *(["core.splitIndex=false"] if is_ours else [])]
    return _given(own)


def _given(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]


def environment(*, of_a_commit: bool = False) -> dict[str, str]:
    """What is laid over the environment: switches that are off, where the user has them on.

    Those for paths are left to the hooks of a commit, which gets no paths.
    """
    over = {
        name: "0" for name in os.environ if name.startswith("GIT_TRACE") and name not in _NOT_TRACES
    }
    if not of_a_commit:
        over |= {name: "0" for name in _PATHSPECS if name in os.environ}
        over |= {name: "" for name in ("GIT_DIFF_OPTS",) if name in os.environ}
    return over
