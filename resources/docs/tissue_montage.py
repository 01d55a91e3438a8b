"""Lays slides side by side with the outlines of their tissue drawn in. Called by resources/docs/make-pictures.

usage: tissue_montage.py FOLDER OUT.png SLIDE=CAPTION ...
FOLDER is what `tessera tile` wrote, with tissue/NAME.geojson for each SLIDE.
"""
import json
import os
import sys

import openslide
from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, CAPTION = 300, 6, 18
OUTLINE = (0, 110, 60)


def panel_of(path, geojson):
    """The whole slide within SIDE x SIDE, rings drawn one pixel wide or more at twice that size."""
    with openslide.OpenSlide(path) as slide:
        picture = slide.get_thumbnail((2 * SIDE, 2 * SIDE)).convert("RGB")
        scale = picture.width / slide.dimensions[0]
    draw = ImageDraw.Draw(picture)
    with open(geojson, encoding="utf-8") as file:
        for feature in json.load(file)["features"]:
            for ring in feature["geometry"]["coordinates"]:
                draw.line([(x * scale, y * scale) for x, y in ring], fill=OUTLINE, width=4)
    picture.thumbnail((SIDE, SIDE), Image.LANCZOS)
    return picture


def main():
    folder, out, *slides = sys.argv[1:]
    columns = 3
    rows = (len(slides) + columns - 1) // columns
    sheet = Image.new("RGB", (columns * (SIDE + GAP) + GAP, rows * (SIDE + CAPTION + GAP) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype("DejaVuSans.ttf", 12)
    for index, argument in enumerate(slides):
        path, caption = argument.split("=", 1)
        name = os.path.splitext(os.path.basename(path))[0]
        x = GAP + index % columns * (SIDE + GAP)
        y = GAP + index // columns * (SIDE + CAPTION + GAP)
        draw.text((x, y), caption, fill="black", font=font)
        sheet.paste(panel_of(path, os.path.join(folder, "tissue", name + ".geojson")), (x, y + CAPTION))
    sheet.quantize(128, method=Image.MEDIANCUT, dither=Image.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
