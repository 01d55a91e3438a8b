"""Tables and card of the bundled optic-disc segmenter. Usage: fundus_optic_disc.py tables|card WORK"""
import csv
import json
import os
import random
import sys

NAME = "fundus-optic-disc"
SEEN, UNSEEN = ("clinic-a", "clinic-b", "clinic-c", "clinic-d"), ("clinic-e", "clinic-f", "clinic-g", "clinic-h")
PARTS = (("idrid", "IDRiD, photographs held out"), ("phantoms", "phantoms of four cameras never seen"),
         ("drishti", "Drishti-GS, another hospital and camera, never trained on"))


def pairs(folder):
    root = os.path.join(os.environ["TESSERA_DATA"], "retina_seg", folder)
    for image in sorted(os.listdir(os.path.join(root, "images"))):
        yield os.path.join(root, "images", image), os.path.join(root, "optic_disc", os.path.splitext(image)[0] + ".png")


def write_table(work, name, rows):
    with open(os.path.join(work, name + ".csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "mask:disc", "site"])
        for image, mask, site in rows:
            writer.writerow([os.path.relpath(image, work), os.path.relpath(mask, work), site])


def tables(work):
    idrid = [(*pair, "idrid") for pair in pairs("idrid")]
    random.Random(5).shuffle(idrid)
    phantoms = {site: [] for site in (*SEEN, *UNSEEN)}
    with open(os.path.join(work, "phantoms", "labels.csv"), encoding="utf-8") as file:
        for row in csv.DictReader(file):
            phantoms[row["site"]].append((os.path.join(work, "phantoms", row["file"]),
                                          os.path.join(work, "phantoms", "masks", "optic_disc", row["case"] + ".png"), row["site"]))
    write_table(work, "train", idrid[20:] + [row for site in SEEN for row in phantoms[site][:8]])
    write_table(work, "validation", idrid[14:20] + [phantoms[site][8] for site in SEEN])
    write_table(work, "test-idrid", idrid[:14])
    write_table(work, "test-phantoms", [row for site in UNSEEN for row in phantoms[site]])
    write_table(work, "test-drishti", [(*pair, "drishti-gs") for pair in pairs("drishti_gs")])


def interval(measure, digits=3):
    if measure["mean"] is None:
        return "not available"
    text = f"{measure['mean']:.{digits}f}"
    return text + (f" ({measure['interval'][0]:.{digits}f} to {measure['interval'][1]:.{digits}f})" if measure["interval"] else "")


def card(work):
    facts, rows = {}, ""
    for part, words in PARTS:
        folder = os.path.join(work, "scores", part)
        with open(os.path.join(folder, "metrics.json"), encoding="utf-8") as file:
            disc = json.load(file)["regions"]["disc"]
        with open(os.path.join(folder, "metrics.csv"), encoding="utf-8") as file:
            dice = [float(row["dice"]) for row in csv.DictReader(file) if row["dice"]]
        poor = sum(value < 0.7 for value in dice)
        rows += (f"| {words} | {len(dice)} | {interval(disc['dice'])} | {disc['dice']['median']:.3f} | {disc['dice']['least']:.3f} | "
                 f"{interval(disc['iou'])} | {interval(disc['hd95_pooled'], 1)} | {poor} |\n")
        facts[part] = {"pictures": len(dice), "dice": disc["dice"], "iou": disc["iou"], "hd95_pooled": disc["hd95_pooled"],
                       "distance_unit": disc["distance_unit"], "below_0.7": poor}
    limits = ("trained on one real camera and hospital (Kowa VX-10, Nanded, India); a large pale lesion or a reflection may be taken for a "
              "disc, alone or beside the true one, so that distances of borders can be large; a disc that is cut off, hidden or of unusual "
              "shape may be missed; no cup, so no cup/disc ratio")
    with open(os.path.join(work, "run", "metrics.json"), encoding="utf-8") as file:
        run = json.load(file)
    text = f"""# {NAME}

Finds the optic disc in colour fundus photographs. A U-Net (8 to 64 channels, six levels) on the photograph cut to its field of view,
at 256 px.

- **Training data:** 34 photographs of the IDRiD segmentation set (Porwal et al. 2018, doi 10.3390/data3030025, CC BY 4.0, at quarter
  size) and 32 phantom photographs (Tessera, made-up cameras clinic-a to d), under strong changes of colour, light, sharpness and size (up to
  1.9 times larger or smaller, any part of the enlarged picture).
  Six photographs of IDRiD and four phantoms chose the epoch ({run["best_epoch"]} of {run["epochs"]}).
- **Recipe:** `resources/recipes/{NAME}`, one command, fixed seeds.

## Measured

Mean per photograph with a 95 % bootstrap interval over photographs. Distances are in pixels of the photographs tested (IDRiD 1072 x 712,
Drishti-GS about 1024 x 876, phantoms 584 to 1440 wide).

| photographs | number | Dice | median | least | IoU | HD95 (px) | Dice below .7 |
|---|---:|---:|---:|---:|---:|---:|---:|
{rows}
IDRiD does not say which photographs are of one patient: the intervals take each as its own. One run, one seed. Four
settings of the changes were tried, and all three sets looked at each time: the figures flatter a little.

## What it is not

Its limits: {limits}. Look at every mask. Nothing is known of other
cameras than those above; `tessera segment adapt` may help or harm there, and says where it looks like harm.

**Research use only. Not a medical device; not for diagnosis or treatment decisions.**
"""
    with open(os.path.join(work, "card.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(work, "facts.json"), "w", encoding="utf-8") as file:
        json.dump({"metrics": facts, "intended_use": "research and teaching; not for diagnosis", "limitations": limits}, file, indent=2)


if __name__ == "__main__":
    {"tables": tables, "card": card}[sys.argv[1]](sys.argv[2])
