"""How much of a product's shape a clip keeps; needs the extra `geometry`.

Corners of the first frame are found again in later ones. A camera that moves moves all
of them alike, as one homography; a product that melts or bends does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

cv2.setNumThreads(1)

#: A frame so often is compared with the first.
EVERY_S = 0.7
SIDE_PX = 320
CORNERS = 800
#: A corner is found again if the second-best match is so much worse.
CLEARLY = 0.8
#: Fewer say nothing.
MIN_CORNERS = 20
#: How far a corner may lie from where the homography puts it.
NEAR_PX = 3.0


@dataclass(slots=True)
class Shape:
    """Takes some frames of a clip; then has how much of the shape they keep."""

    _first: tuple[Sequence[Any], Any] | None = None
    _kept: list[tuple[float, float]] = field(default_factory=list)
    next_s: float = 0.0

    def add(self, at_s: float, luma: "Image") -> None:
        """Compare a frame with the first one."""
        self.next_s = at_s + EVERY_S
        corners = _corners(luma)
        if self._first is None:
            # A frame without corners, such as a black one, is not what they start from.
            self._first = corners if len(corners[0]) >= MIN_CORNERS else None
            return
        pairs = _matches(self._first, corners)
        inliers = 0
        if len(pairs) >= MIN_CORNERS // 2:
            cv2.setRNGSeed(0)
            old, new = (_array(points) for points in zip(*pairs, strict=True))
            _, mask = cv2.findHomography(old, new, cv2.RANSAC, NEAR_PX)
            inliers = 0 if mask is None else int(mask.sum())
        self._kept.append((inliers / len(self._first[0]), at_s))

    def figure(self) -> tuple[float, float] | None:
        """The least share of corners found again, and when; None without any."""
        return min(self._kept, default=None)


def _corners(luma: "Image") -> tuple[Sequence[Any], Any]:
    small = luma.copy()
    small.thumbnail((SIDE_PX, SIDE_PX))
    orb = cv2.ORB_create(CORNERS)  # type: ignore[attr-defined]  # its types lack it
    corners, descriptions = orb.detectAndCompute(np.asarray(small), None)
    return [corner.pt for corner in corners], descriptions


def _matches(
    first: tuple[Sequence[Any], Any], other: tuple[Sequence[Any], Any]
) -> list[tuple[Any, Any]]:
    """Corners of both that are clearly the same."""
    if len(other[0]) < MIN_CORNERS:
        return []
    found = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(first[1], other[1], k=2)
    return [
        (first[0][best.queryIdx], other[0][best.trainIdx])
        for best, second in found
        if best.distance < CLEARLY * second.distance
    ]


def _array(points: Sequence[Any]) -> Any:
    return np.asarray(points, np.float32)
