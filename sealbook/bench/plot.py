"""Plots of a load run: lines of text for the terminal, or one SVG file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..errors import BenchError

__all__ = ["bars", "svg", "write_plot"]

_BLOCKS = " ▏▎▍▌▋▊▉█"
_WIDTH, _HEIGHT, _GAP = 640, 180, 50


def bars(title: str, values: Sequence[float], labels: Sequence[str], width: int = 50) -> list[str]:
    """A bar for each value, the longest ``width`` characters long."""
    most = max(values, default=0.0) or 1.0
    lines = [title]
    for label, value in zip(labels, values, strict=True):
        eighths = round(8 * width * value / most)
        bar = _BLOCKS[8] * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else "")
        lines.append(f"  {label:>8} {bar} {value:,.4g}")
    return lines


def svg(plots: Sequence[tuple[str, str, Sequence[float]]]) -> str:
    """An SVG image with one curve under the other. ``plots``: title, unit of the value, values at even distances."""
    height = len(plots) * (_HEIGHT + _GAP) + _GAP // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 80}" height="{height}" font-family="sans-serif"'
        ' font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (title, unit, values) in enumerate(plots):
        top, most = number * (_HEIGHT + _GAP) + _GAP, max(values, default=0.0) or 1.0
        step = _WIDTH / max(1, len(values) - 1)
        points = " ".join(f"{60 + i * step:.1f},{top + _HEIGHT * (1 - v / most):.1f}" for i, v in enumerate(values))
        parts += [
            f'<text x="60" y="{top - 12}" font-weight="bold">{escape(title)}</text>',
            f'<text x="55" y="{top + 4}" text-anchor="end">{most:,.4g}</text>',
            f'<text x="55" y="{top + 18}" text-anchor="end">{escape(unit)}</text>',
            f'<text x="55" y="{top + _HEIGHT}" text-anchor="end">0</text>',
            f'<path d="M60 {top}V{top + _HEIGHT}H{60 + _WIDTH}" fill="none" stroke="#888"/>',
            f'<polyline points="{points}" fill="none" stroke="#1668c7" stroke-width="2"/>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def write_plot(path: Path, image: str) -> None:
    """Write an image. Raises :class:`BenchError`."""
    try:
        path.write_text(image, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}") from None
