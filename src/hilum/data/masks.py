"""Masks of findings, a picture per film and finding: what ``hilum data phantom --masks`` writes."""

from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from jaxtyping import Bool

from hilum.errors import DataError
from hilum.imaging import read_picture

__all__ = ["MASK_FOLDER", "FilmMasks", "mask_name"]

MASK_FOLDER = "masks"


def mask_name(image_id: str, finding: str) -> str:
    """Return the file name of the mask of a film and finding."""
    return f"{PurePath(image_id).stem}_{finding}.png"


@dataclass(frozen=True)
class FilmMasks:
    """A folder of masks: ``<film's name without its ending>_<Finding>.png``, white where the finding is.

    Attributes:
        folder: Where they lie.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir() or not any(self.folder.glob("*.png")):
            raise DataError(
                f"{self.folder} holds no mask: expected a picture per film and finding, such as "
                "00000001_000_Effusion.png (`hilum data phantom --masks` writes them)"
            )

    def read(self, image_id: str, finding: str, shape: tuple[int, int]) -> Bool[np.ndarray, "height width"] | None:
        """Return where the finding is on its film; None without a mask.

        Args:
            image_id: The film.
            finding: The finding.
            shape: Rows and columns of the film, which the mask must have too.

        Raises:
            DataError: A mask of another size than its film.
            ImageRefusedError: A mask that is no PNG file.
        """
        path = self.folder / mask_name(image_id, finding)
        if not path.is_file():
            return None
        mask = np.asarray(read_picture(path, "PNG").pixels > 0.5)
        if mask.shape != shape:
            raise DataError(f"the mask {path.name} has the size {mask.shape}, its film {shape}: expected the same")
        return mask
