"""What is said at the end: a promise, the figure that was measured, and whether it holds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """`examples`: of what broke it."""

    name: str
    figure: str
    holds: bool
    examples: tuple[str, ...] = ()
