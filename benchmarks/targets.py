"""What the benchmarks have to show: ratios of figures that one run has measured, so that a busy machine hits both."""

from dataclasses import dataclass, field


@dataclass
class Targets:
    """Prints each target with its figure as it is judged, and remembers those that were missed."""

    missed: list[str] = field(default_factory=list)

    def at_most(self, name: str, figure: float, bound: float) -> None:
        self._judge(name, figure, f"at most {bound:g}", figure <= bound)

    def at_least(self, name: str, figure: float, bound: float) -> None:
        self._judge(name, figure, f"at least {bound:g}", figure >= bound)

    def _judge(self, name: str, figure: float, bound: str, holds: bool) -> None:
        text = f"{name}: {figure:.2f} ({bound})"
        print(f"{'holds ' if holds else 'MISSED'} {text}")
        if not holds:
            self.missed.append(text)
