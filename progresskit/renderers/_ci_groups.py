"""Groups of lines that a CI system's page folds: GitHub Actions, GitLab, Azure Pipelines, Buildkite.

Knows the commands by which a job's lines begin and end a group. Pure; does not know which lines belong together.
"""

from __future__ import annotations

from .._system.environment import is_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEMS = {"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab", "TF_BUILD": "azure", "BUILDKITE": "buildkite"}
"""Variables that tell a CI system's jobs where they run."""


def groups_here(environ: Mapping[str, str]) -> Groups | None:
    """Return how lines are grouped, if `environ` has a CI system that folds groups and PROGRESSKIT_GROUPS is on; else
    None.

    Example:
        >>> groups_here({"PROGRESSKIT_GROUPS": "1", "TF_BUILD": "True"}).opening(7, "Load", 0.0)
        '##[group]Load'
        >>> groups_here({"TF_BUILD": "True"}) is None
        True
    """
    if not is_on(environ, "PROGRESSKIT_GROUPS"):
        return None
    for name, system in SYSTEMS.items():
        if is_on(environ, name):
            return Groups(system)
    return None


class Groups:
    """Makes the lines at the beginning and the end of a group. A page has one group at a time: these systems do not
    nest them.

    Args:
        system: A value of `SYSTEMS`.
    """

    __slots__ = ("_system",)

    def __init__(self, system: str) -> None:
        self._system = system

    def opening(self, number: int, title: str, now: float) -> str:
        """Return the line that begins the group of task `number`; `now` is in seconds, of the clock that `closing` is given.

        Example:
            >>> Groups("github").opening(7, "Load 100%", 0.0), Groups("buildkite").opening(7, "Load", 0.0)
            ('::group::Load 100%25', '--- Load')
        """
        if self._system == "github":
            return f"::group::{title.replace('%', '%25')}"
        if self._system == "gitlab":  # the page shows the difference of the two times
            return f"\x1b[0Ksection_start:{int(now)}:progresskit_{number}\r\x1b[0K{title}"
        return f"##[group]{title}" if self._system == "azure" else f"--- {title}"

    def closing(self, number: int, line: str, now: float) -> str:
        """Return the line that ends the group of task `number`, followed by `line` outside of the group; an empty
        `line` is left out.

        Example:
            >>> Groups("github").closing(7, "Load: finished", 0.0)
            '::endgroup::\\nLoad: finished'
            >>> Groups("buildkite").closing(7, "Load: finished", 0.0)  # there a group ends where the next begins
            '+++ Load: finished'
        """
        if self._system == "buildkite":
            return f"+++ {line}".rstrip()
        if self._system == "gitlab":
            end = f"\x1b[0Ksection_end:{int(now)}:progresskit_{number}\r\x1b[0K"
        else:
            end = "::endgroup::" if self._system == "github" else "##[endgroup]"
        return f"{end}\n{line}" if line else end
