"""Lays a real slide, the phantoms of every domain and the artefacts side by side. Called by resources/docs/make-pictures.

usage: phantom_montage.py CMU-1-Small-Region.svs FOLDER OUT.png
FOLDER holds hospital-a.tiff to hospital-h.tiff (same seed), and pen.tiff, folds.tiff, blur.tiff and vignetting.tiff.
"""
import os
import sys

import openslide
from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, CAPTION = 220, 6, 18


def crop(path, x, y, width, height, to):
    """The rectangle of level-0 pixels, from the level that has just enough of them."""
    with openslide.OpenSlide(path) as slide:
        level = slide.get_best_level_for_downsample(width / to[0])
        down = slide.level_downsamples[level]
        region = slide.read_region((x, y), level, (round(width / down), round(height / down)))
    return region.convert("RGB").resize(to, Image.LANCZOS)


def main():
    real, folder, out = sys.argv[1:]
    panels = []
    for number, (x, y) in enumerate(((850, 150), (900, 1150), (1500, 2300), (500, 1900)), 1):
        panels.append((f"CMU-1 (real), place {number}", crop(real, x, y, 480, 480, (SIDE, SIDE))))
    for name in "abcdefgh":
        path = os.path.join(folder, f"hospital-{name}.tiff")
        panel = Image.new("RGB", (SIDE, SIDE))
        panel.paste(crop(path, 420, 780, 240, 480, (SIDE // 2, SIDE)), (0, 0))
        panel.paste(crop(path, 1960, 800, 240, 480, (SIDE // 2, SIDE)), (SIDE // 2, 0))
        panels.append((f"phantom, hospital-{name}", panel))
    for name, (x, y, side) in {"pen": (0, 0, 4096), "folds": (0, 0, 4096), "blur": (0, 0, 4096),
                               "vignetting": (0, 0, 4096)}.items():
        panels.append((f"phantom, --{name}", crop(os.path.join(folder, f"{name}.tiff"), x, y, side, side, (SIDE, SIDE))))
    columns = 4
    rows = len(panels) // columns
    sheet = Image.new("RGB", (columns * (SIDE + GAP) + GAP, rows * (SIDE + CAPTION + GAP) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype("DejaVuSans.ttf", 12)
    for index, (caption, panel) in enumerate(panels):
        x = GAP + index % columns * (SIDE + GAP)
        y = GAP + index // columns * (SIDE + CAPTION + GAP)
        draw.text((x, y), caption, fill="black", font=font)
        sheet.paste(panel, (x, y + CAPTION))
    sheet.quantize(128, method=Image.MEDIANCUT, dither=Image.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
