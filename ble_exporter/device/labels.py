"""The labels of a series, and their text in the exposition formats."""

from collections.abc import Mapping


class Labels(dict[str, str]):
    """
    The labels of a series, which must not change.

    All metric families of a device share one such object, so a scrape does not format the labels for each family.

    Attributes:
        text: The labels as the text format and OpenMetrics write them.
    """

    __slots__ = ("text",)

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__(labels)
        pairs = [f'{name}="{_escaped(value)}"' for name, value in sorted(self.items())]
        self.text = f"{{{','.join(pairs)}}}" if pairs else ""


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Return these labels; if they are Labels already, the same object, because a copy would take 0.3 kB."""
    return labels if isinstance(labels, Labels) else Labels(labels)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
