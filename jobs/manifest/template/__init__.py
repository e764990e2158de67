"""Templates over the columns of a row: `{{ title }} turning slowly`.

It decides what a template makes of the cells of a row. What may stand in one is decided
in `reading`, what its filters do in `filters`, and which cell a name means in
`manifest.scope`.
"""

from dataclasses import dataclass

from jobs.manifest.template.parts import BadTemplateError, Fits, Part, Scope, held

__all__ = ["BadTemplateError", "Fits", "Scope", "Template", "is_template"]


def is_template(text: str) -> bool:
    """True if something in it would be filled in."""
    return "{{" in text or "{%" in text or "{#" in text


@dataclass(frozen=True, slots=True)
class Template:
    """A text that is filled from the cells of each row."""

    text: str
    _whole: Part

    @classmethod
    def of(cls, text: str) -> "Template":
        """The template that a person wrote.

        Raises:
            BadTemplateError: it is not well formed, or has something in it that it may
                not.
        """
        # Most manifests have no template.
        from jobs.manifest.template.reading import whole  # noqa: PLC0415 - Jinja takes 40 ms

        return cls(text, whole(text))

    def render(self, scope: Scope, fits: Fits | None = None) -> str:
        """The text for one row; what it returns is data, and never a template.

        Raises:
            BadTemplateError: a name means nothing here, or its cell is empty.
        """
        made: list[str] = []
        size = 0
        for part in self._whole(scope, fits):
            size += len(part)
            held(size)
            made.append(part)
        return "".join(made)

    def sketch(self) -> str:
        """The text with `x` for whatever a row fills in; an `if` as if it were true."""
        try:
            return "".join(self._whole(_Anything(), None))
        except BadTemplateError:
            return "x"  # it compares numbers, say: only real cells can tell


class _Anything:
    """A scope in which every name has a value."""

    def value(self, name: str, *, quiet: bool) -> object:  # noqa: ARG002 - all are filled alike
        return "x"
