"""How often a set of films was judged: every look at a test set makes its next figure a little too bright."""

from pathlib import Path

from hilum.runs.journal import Journal

__all__ = ["Ledger"]

_LOOK = "look"


class Ledger:
    """Counts looks in a folder's ``looks.jsonl``; lines are only ever added, and synced."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "looks.jsonl")

    def __repr__(self) -> str:
        return f"Ledger({str(self.journal.path.parent)!r})"

    def record(self, data_digest: str, split: str) -> int:
        """Write one look down, and return how many there were, this one included.

        Args:
            data_digest: Of the labels that were judged on.
            split: Name of the split; the same labels and another split are another set of films.

        Raises:
            StorageError: The disk is full or cannot be written.
            RunError: The file cannot be read, or a line of it is damaged.
        """
        self.journal.append(_LOOK, data_digest=data_digest, split=split)
        return self.count(data_digest, split)

    def count(self, data_digest: str, split: str) -> int:
        """Return how often these films were looked at; 0 where nobody did.

        Raises:
            RunError: The file cannot be read, or a line of it is damaged.
        """
        looks = self.journal.read()
        return sum(look.get("data_digest") == data_digest and look.get("split") == split for look in looks)
