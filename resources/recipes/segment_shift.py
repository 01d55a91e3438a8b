"""Recipe segment-shift. Usage: segment_shift.py RESULTS WORK [--full] [SEED ...]"""
import csv
import json
import os
import re
import statistics
import subprocess
import sys

import numpy as np
from PIL import Image

TESSERA, DATA = os.environ["TESSERA"], os.environ["TESSERA_DATA"]
METHODS = ("none", "bn", "alpha-bn", "unmix-tns", "osuda")
# --quick ends within two hours on two idle cores; --full has the published sizes.
SIZES = {"--quick": {"widths": "16,24,32,48,64", "size": 256, "epochs": 150, "steps": 100, "batch": 4, "rate": 5e-4, "train": 1.0},
         "--full": {"widths": "32,64,128,256,512", "size": 512, "epochs": 200, "steps": 500, "batch": 8, "rate": 1e-4, "train": 1.0},
         # What a busy machine does in half an hour; too small to say more than the direction.
         "--tiny": {"widths": "8,16,24,32", "size": 128, "epochs": 120, "steps": 40, "batch": 4, "rate": 1e-3, "train": 0.7}}
RETINA = {"drive": ("drive", "vessels_1st", r"\d+"), "chase": ("chasedb1", "vessels_1st", r"Image_\d+"),
          "idrid": ("idrid", "optic_disc", r"IDRiD_\d+"), "drishti": ("drishti_gs", "optic_disc", r"drishtiGS_\d+")}
# class, photographs to test on, most to train on
PARTS = {"drive": ("vessel", 8, 12), "chase": ("vessel", 10, 18), "idrid": ("disc", 12, 24), "drishti": ("disc", 10, 14),
         "camera-a": ("disc", 10, 20), "camera-f": ("disc", 10, 20), "remapped": ("disc", 10, 20),
         "monuseg": ("nucleus", 8, 22), "tnbc": ("nucleus", 9, 24)}
SHIFTS = (("drive", "chase"), ("chase", "drive"), ("idrid", "drishti"), ("drishti", "idrid"), ("camera-a", "camera-f"),
          ("camera-a", "remapped"), ("monuseg", "tnbc"))
NUCLEI = ("monuseg", "tnbc")
PACKED = (("lwnet", "lwnet_wnet_drive", ("background", "vessel"), "chase"),
          ("automorph", "automorph_disc_cup_wnet28", ("background", "disc", "cup"), "idrid"),
          ("automorph", "automorph_disc_cup_wnet28", ("background", "disc", "cup"), "drishti"))


def run(*arguments, allowed=(0,)):
    done = subprocess.run([TESSERA, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        sys.exit(f"tessera {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return done.stdout


def pairs_of(name, work):
    """Image, mask and group (a patient) of every picture of a set."""
    if name in RETINA:
        folder, masks, group = RETINA[name]
        root = os.path.join(DATA, "retina_seg", folder)
        images = sorted(os.listdir(os.path.join(root, "images")))
        found = sorted(os.listdir(os.path.join(root, masks)))
        for image in images:
            key = re.match(r"(\d+|.*)(?=_training)|(.*)(?=\.)", image).group(0)
            mask = next(other for other in found if other.startswith(key))
            yield os.path.join(root, "images", image), os.path.join(root, masks, mask), re.match(group, image).group(0)
    elif name in NUCLEI:
        root = os.path.join(DATA, "pathology", "monuseg" if name == "monuseg" else "tnbc_nuclei")
        with open(os.path.join(root, "labels.csv"), encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield os.path.join(root, row["file"]), os.path.join(root, row["mask"]), row["patient"]
    else:
        for image in sorted(os.listdir(os.path.join(work, name, "images"))):
            yield os.path.join(work, name, "images", image), os.path.join(work, name, "masks", image), image[:-4]


def make_phantoms(work):
    """Synthetic photographs of two cameras, cut to their field, and those of the first as another modality would show them:
    inverted inside the field, channels exchanged."""
    for name, domain, seed in (("camera-a", "clinic-a", 11), ("camera-f", "clinic-f", 12)):
        if os.path.exists(os.path.join(work, name, "done")):
            continue
        cohort = os.path.join(work, name, "cohort")
        run("phantom", "fundus-cohort", "--images", 30, "--patients", 30, "--domains", domain, "--seed", seed, "--out", cohort)
        for kind in ("images", "masks"):
            os.makedirs(os.path.join(work, name, kind), exist_ok=True)
        for file in sorted(os.listdir(os.path.join(cohort, "images"))):
            stem = file[:-4]
            field = Image.open(os.path.join(cohort, "masks", "field_of_view", stem + ".png")).convert("L")
            box = field.getbbox()
            cut = [Image.open(os.path.join(cohort, part)).crop(box) for part in
                   (os.path.join("images", file), os.path.join("masks", "optic_disc", stem + ".png"))]
            cut[0].convert("RGB").resize((320, 320), Image.LANCZOS).save(os.path.join(work, name, "images", stem + ".png"))
            cut[1].convert("L").resize((320, 320), Image.NEAREST).save(os.path.join(work, name, "masks", stem + ".png"))
        open(os.path.join(work, name, "done"), "w", encoding="utf-8").close()
    target = os.path.join(work, "remapped")
    if not os.path.exists(os.path.join(target, "done")):
        for kind in ("images", "masks"):
            os.makedirs(os.path.join(target, kind), exist_ok=True)
        for file in sorted(os.listdir(os.path.join(work, "camera-a", "images"))):
            pixels = np.array(Image.open(os.path.join(work, "camera-a", "images", file)))
            inside = pixels.max(axis=2, keepdims=True) > 12
            changed = np.where(inside, 255 - pixels[..., [2, 0, 1]], pixels)
            Image.fromarray(changed.astype(np.uint8)).save(os.path.join(target, "images", file))
            Image.open(os.path.join(work, "camera-a", "masks", file)).save(os.path.join(target, "masks", file))
        open(os.path.join(target, "done"), "w", encoding="utf-8").close()


def make_parts(name, work, share):
    """WORK/parts/<name>_{train,test}.csv and a folder of links to the pictures to adapt to; patients are dealt once."""
    label, tested, trained = PARTS[name]
    os.makedirs(os.path.join(work, "parts"), exist_ok=True)
    rows = list(pairs_of(name, work))
    groups = sorted({group for _, _, group in rows})
    np.random.default_rng(3).shuffle(groups)
    order = {group: i for i, group in enumerate(groups)}
    rows.sort(key=lambda row: (order[row[2]], row[0]))
    test, train = [], []
    for row in rows:
        (test if len(test) < tested or row[2] == test[-1][2] else train).append(row)
    links = os.path.join(work, "parts", name + "_pictures")
    os.makedirs(links, exist_ok=True)
    for part, chosen in (("test", test), ("train", train[:round(share * trained)])):
        with open(os.path.join(work, "parts", f"{name}_{part}.csv"), "w", encoding="utf-8") as file:
            file.write(f"image,{'mask' if name in NUCLEI else 'mask:' + label},patient\n")
            for image, mask, group in chosen:
                file.write(",".join([os.path.relpath(image, os.path.join(work, "parts")),
                                     os.path.relpath(mask, os.path.join(work, "parts")), group]) + "\n")
                if part == "train" and not os.path.lexists(os.path.join(links, os.path.basename(image))):
                    os.symlink(os.path.abspath(image), os.path.join(links, os.path.basename(image)))


def data_options(name, label=None):
    return ["--classes", label or PARTS[name][0]] + (["--mask-values", "objects"] if name in NUCLEI else [])


def train(name, seed, work, sizes):
    out = os.path.join(work, "source", name, f"seed_{seed}")
    if not os.path.exists(os.path.join(out, "metrics.json")):
        options = ["--widths", sizes["widths"], "--working-size", sizes["size"], "--epochs", sizes["epochs"],
                   "--min-epochs", sizes["epochs"], "--batch", 4, "--learning-rate", 4e-3]
        if name in RETINA:
            options.append("--crop-to-field")
        run("segment", "train", "--data", os.path.join(work, "parts", name + "_train.csv"), "--out", out, "--seed", seed, "--name",
            f"{name}-{seed}", "--threads", 1, *data_options(name), *options)
    return os.path.join(out, "model")


def adapt(model, target, method, out, seed, work, sizes):
    """The adapted package and what the monitors said. Guards only warn: the table shows what they would have taken back."""
    if not os.path.exists(os.path.join(out, "adaptation.json")):
        run("segment", "adapt", os.path.join(work, "parts", target + "_pictures"), "--model", model, "--adapt", method, "--out",
            out, "--seed", seed, "--steps", sizes["steps"], "--batch", sizes["batch"], "--learning-rate", sizes["rate"],
            "--guard", "warn", "--guard-pictures", 8, "--threads", 1)
    with open(os.path.join(out, "adaptation.json"), encoding="utf-8") as file:
        return os.path.join(out, "model"), json.load(file)


def evaluate(model, target, out, work, regions=()):
    """Mean Dice of the class over the test pictures and its spread over them; counted objects for nuclei."""
    if not os.path.exists(os.path.join(out, "metrics.json")):
        options = [part for region in regions for part in ("--regions", region)]
        run("segment", "evaluate", "--data", os.path.join(work, "parts", target + "_test.csv"), "--model", model, "--out", out,
            "--threads", 1, "--no-distances", *data_options(target), *options, allowed=(0, 4))
    with open(os.path.join(out, "metrics.json"), encoding="utf-8") as file:
        region = next(iter(json.load(file)["regions"].values()))
    result = {"dice": region["dice"]["mean"]}
    with open(os.path.join(out, "metrics.csv"), encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("predicted_objects")]
    if rows and target in NUCLEI:
        result["objects"] = sum(int(row["predicted_objects"]) for row in rows) / len(rows)
        result["true_objects"] = sum(int(row["reference_objects"]) for row in rows) / len(rows)
    return result


def pack(name, weights, classes, work):
    package = os.path.join(work, "packed", name)
    if not os.path.exists(package):
        names = [part for label in classes for part in ("--class-names", label)]
        run("model", "pack", os.path.join(DATA, "weights", weights + ".ts.pt"), "--task", "segmentation", "--size-multiple", 32,
            "--working-size", 256, "--crop-to-field", "--out", package, *names)
    return package


def row_of(kind, source, target, method, seed, out, model, work, regions, record=None):
    scores = evaluate(model, target, os.path.join(out, "scores"), work, regions)
    row = {"kind": kind, "source": source, "target": target, "method": method, "seed": seed, "dice": round(scores["dice"], 4),
           "objects": scores.get("objects", ""), "true_objects": scores.get("true_objects", ""), "entropy_source": "",
           "entropy_adapted": "", "mirror_source": "", "mirror_adapted": "", "agreement": "", "share_source": "",
           "share_adapted": "", "doubtful": "", "tripped": ""}
    if record:
        share = lambda side: round(1 - next(iter(record[side]["class_shares"].values())), 5)
        row |= {"entropy_source": round(record["source"]["entropy"], 5), "entropy_adapted": round(record["adapted"]["entropy"], 5),
                "mirror_source": round(record["source"]["mirror_consistency"], 4),
                "mirror_adapted": round(record["adapted"]["mirror_consistency"], 4),
                "agreement": round(record["agreement"], 4), "share_source": share("source"), "share_adapted": share("adapted"),
                "doubtful": int(record["is_source_doubtful"]), "tripped": "; ".join(record["tripped"])}
    return row


def shift_rows(kind, source, model, target, seed, work, sizes, regions=()):
    """A row per method, the source first."""
    for method in METHODS:
        out = os.path.join(work, "adapted", f"{source}-{target}", method, f"seed_{seed}")
        if method == "none":
            yield row_of(kind, source, target, "source only", seed, out, model, work, regions)
        else:
            adapted, record = adapt(model, target, method, out, seed, work, sizes)
            yield row_of(kind, source, target, method, seed, out, adapted, work, regions, record)


def spread(values):
    return f"{statistics.mean(values):.3f}" + (f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else "")


def write_tables(rows, results, sizes):
    os.makedirs(results, exist_ok=True)
    path = os.path.join(results, "segmentation.csv")
    with open(path + ".part", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(path + ".part", path)
    seeds = sorted({row["seed"] for row in rows})
    text = ("# Segmenters at another site\n\nMade by `resources/recipes/segment-shift`; research software, not for diagnosis. Adapted to "
            "the target's training pictures without labels, measured on its test pictures (mean Dice over pictures; patients are "
            "never on both sides); mean ± standard deviation over seeds where there are several. *upper bound*: trained on the "
            f"target. U-Net of {sizes['widths']} channels at {sizes['size']} px, {sizes['steps']} steps of OSUDA-style adaptation; "
            f"seeds {', '.join(map(str, seeds))}. Every row is in `segmentation.csv`.\n\n"
            "| shift | " + " | ".join(["source only", *METHODS[1:], "upper bound"]) + " |\n|---|" + "---:|" * (len(METHODS) + 1) + "\n")
    pairs = list(dict.fromkeys((row["source"], row["target"]) for row in rows if row["source"] != row["target"]))
    for source, target in pairs:
        cells = []
        for method in ("source only", *METHODS[1:]):
            values = [row["dice"] for row in rows if (row["source"], row["target"], row["method"]) == (source, target, method)]
            cells.append(spread(values) if values else "")
        values = [row["dice"] for row in rows if row["source"] == row["target"] == target]
        text += f"| {source} → {target} | " + " | ".join([*cells, spread(values) if values else ""]) + " |\n"
    text += "\n## Where adaptation hurt, and what the guard rails said\n\n"
    base = {(row["source"], row["target"], row["seed"]): row["dice"] for row in rows if row["method"] == "source only"}
    judged = [(row, row["dice"] - base[row["source"], row["target"], row["seed"]]) for row in rows
              if row["method"] in METHODS[1:]]
    hurt = [(row, change) for row, change in judged if change < -0.01]
    helped = [(row, change) for row, change in judged if change > 0.01]
    text += (f"Of {len(judged)} adaptations {len(helped)} gained and {len(hurt)} lost more than .01 of Dice. The guard rails would have "
             f"taken back {sum(bool(row['tripped']) for row, _ in hurt)} of those that lost and "
             f"{sum(bool(row['tripped']) for row, _ in helped)} of those that gained. Mean Dice without guard rails "
             f"{statistics.mean(row['dice'] for row, _ in judged):.3f}, with them "
             f"{statistics.mean(row['dice'] - change if row['tripped'] else row['dice'] for row, change in judged):.3f}, source only "
             f"{statistics.mean(row['dice'] - change for row, change in judged):.3f}.\n\n" if judged else "")
    if hurt:
        text += "| shift | method | seed | change of Dice | tripped |\n|---|---|---:|---:|---|\n"
        for row, change in sorted(hurt, key=lambda pair: pair[1]):
            text += (f"| {row['source']} → {row['target']} | {row['method']} | {row['seed']} | {change:+.3f} | "
                     f"{row['tripped'] or 'no'} |\n")
    counted = [row for row in rows if row["objects"] != ""]
    if counted:
        text += "\n## Nuclei\n\n| source → target | method | seed | Dice | nuclei found | nuclei in the truth |\n|---|---|---:|---:|---:|---:|\n"
        for row in counted:
            text += (f"| {row['source']} → {row['target']} | {row['method']} | {row['seed']} | {row['dice']:.3f} | "
                     f"{row['objects']:.0f} | {row['true_objects']:.0f} |\n")
    with open(os.path.join(results, "segmentation.md.part"), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(os.path.join(results, "segmentation.md.part"), os.path.join(results, "segmentation.md"))


def main():
    results, work, *rest = sys.argv[1:]
    work = os.path.abspath(work)
    sizes = SIZES[next((argument for argument in rest if argument in SIZES), "--quick")]
    seeds = [int(argument) for argument in rest if argument not in SIZES] or [0, 1, 2]
    os.makedirs(work, exist_ok=True)
    make_phantoms(work)
    for name in PARTS:
        make_parts(name, work, sizes["train"])
    rows = []
    for seed in seeds:
        for source, target in SHIFTS:
            model = train(source, seed, work, sizes)
            rows += shift_rows("own", source, model, target, seed, work, sizes)
            upper = train(target, seed, work, sizes)
            out = os.path.join(work, "source", target, f"seed_{seed}")
            rows.append(row_of("own", target, target, "upper bound", seed, out, upper, work, ()))
            write_tables(list({(row["source"], row["target"], row["method"], row["seed"]): row for row in rows}.values()),
                         results, sizes)
        for name, weights, classes, target in PACKED:
            model = pack(name, weights, classes, work)
            regions = ("disc=disc+cup",) if "cup" in classes else ()
            rows += shift_rows("off-the-shelf", name, model, target, seed, work, sizes, regions)
            write_tables(list({(row["source"], row["target"], row["method"], row["seed"]): row for row in rows}.values()),
                         results, sizes)


if __name__ == "__main__":
    main()
