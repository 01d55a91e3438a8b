"""Recipe segment-shift. Usage: segment_shift.py RESULTS WORK [--quick|--full|--tiny] [--lanes N] [SEED ...]"""
import csv
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageDraw

TESSERA, DATA = os.environ["TESSERA"], os.environ["TESSERA_DATA"]
METHODS = {"bn": ("bn",), "alpha-bn": ("alpha-bn",), "unmix-tns": ("unmix-tns",), "osuda": ("osuda",),
           # As recalled, the distances of scale and shift are summed over channels; their mean leaves the entropy more to say.
           "osuda, mean": ("osuda", "--reduction", "mean")}
# Working size of whole pictures (discs), and size and crop of those of which a step sees a part (vessels, nuclei).
SIZES = {"--quick": {"widths": "16,32,64,128", "size": 256, "fine": 320, "crop": 160, "steps": 250, "adapt": 100, "batch": 4,
                     "rate": 4e-3, "adapt_rate": 5e-4, "train": 1.0},
         "--full": {"widths": "32,64,128,256,512", "size": 512, "fine": 512, "crop": 256, "steps": 2000, "adapt": 500, "batch": 8,
                    "rate": 1e-3, "adapt_rate": 1e-4, "train": 1.0},
         # For a busy machine: small networks that saw little, of which the direction of a change is to be believed, not its size.
         "--tiny": {"widths": "8,16,24,32", "size": 128, "fine": 192, "crop": 96, "steps": 200, "adapt": 40, "batch": 4,
                    "rate": 6e-3, "adapt_rate": 1e-3, "train": 0.7}}
RETINA = {"drive": ("drive", "vessels_1st", r"\d+"), "chase": ("chasedb1", "vessels_1st", r"Image_\d+"),
          "idrid": ("idrid", "optic_disc", r"IDRiD_\d+"), "drishti": ("drishti_gs", "optic_disc", r"drishtiGS_\d+")}
# class, photographs to test on, most to train on
PARTS = {"drive": ("vessel", 8, 12), "chase": ("vessel", 10, 18), "idrid": ("disc", 12, 24), "drishti": ("disc", 10, 14),
         "camera-a": ("disc", 10, 20), "camera-f": ("disc", 10, 20), "remapped": ("disc", 10, 20),
         "inverted": ("disc", 10, 20), "scanner-a": ("tumour", 10, 20), "scanner-d": ("tumour", 10, 20),
         "monuseg": ("nucleus", 8, 22), "tnbc": ("nucleus", 9, 24)}
SHIFTS = (("drive", "chase"), ("chase", "drive"), ("idrid", "drishti"), ("drishti", "idrid"), ("camera-a", "camera-f"),
          ("camera-a", "remapped"), ("camera-a", "inverted"), ("scanner-a", "scanner-d"), ("monuseg", "tnbc"))
NUCLEI = ("monuseg", "tnbc")
PACKED = (("lwnet", "lwnet_wnet_drive", ("background", "vessel"), "chase"),
          ("automorph", "automorph_disc_cup_wnet28", ("background", "disc", "cup"), "idrid"),
          ("automorph", "automorph_disc_cup_wnet28", ("background", "disc", "cup"), "drishti"))
# Shown: no picture of unclear licence.
SHOWN = (("drishti", "idrid"), ("camera-a", "camera-f"), ("camera-a", "remapped"), ("camera-a", "inverted"), ("scanner-a", "scanner-d"))
LIMITS = {"entropy": 2.0, "share": 3.0, "agreement": 0.5, "mirror": 0.03}  # the defaults of `tessera segment adapt`
GRID = {"entropy": (1.1, 1.25, 1.5, 2.0, 3.0), "share": (1.5, 2.0, 3.0, 5.0, 10.0), "agreement": (0.3, 0.5, 0.7, 0.8, 0.9),
        "mirror": (0.01, 0.02, 0.03, 0.05, 0.1)}


def run(*arguments, allowed=(0,)):
    done = subprocess.run([TESSERA, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        raise RuntimeError(f"tessera {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
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
    """Synthetic photographs of two cameras, cut to their field, and those of the first as other modalities would show them:
    channels exchanged, and also inverted inside the field."""
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
    for name in ("remapped", "inverted"):
        target = os.path.join(work, name)
        if os.path.exists(os.path.join(target, "done")):
            continue
        for kind in ("images", "masks"):
            os.makedirs(os.path.join(target, kind), exist_ok=True)
        for file in sorted(os.listdir(os.path.join(work, "camera-a", "images"))):
            pixels = np.array(Image.open(os.path.join(work, "camera-a", "images", file)))
            inside = pixels.max(axis=2, keepdims=True) > 12
            exchanged = pixels[..., [2, 0, 1]]
            changed = np.where(inside, 255 - exchanged if name == "inverted" else exchanged, pixels)
            Image.fromarray(changed.astype(np.uint8)).save(os.path.join(target, "images", file))
            Image.open(os.path.join(work, "camera-a", "masks", file)).save(os.path.join(target, "masks", file))
        open(os.path.join(target, "done"), "w", encoding="utf-8").close()


def make_scanners(work):
    """Pieces of synthetic slides as two scanners would give them, and where their tumour is."""
    for name, domain, first in (("scanner-a", "hospital-a", 100), ("scanner-d", "hospital-d", 200)):
        target = os.path.join(work, name)
        if os.path.exists(os.path.join(target, "done")):
            continue
        for kind in ("images", "masks", "slides"):
            os.makedirs(os.path.join(target, kind), exist_ok=True)
        for seed in range(first, first + 30):
            slide = os.path.join(target, "slides", f"{seed}.tiff")
            run("phantom", "slide", "--width", 768, "--height", 768, "--tumour-fraction", 0.25, "--domain", domain, "--seed", seed, "--out", slide)
            with open(slide[:-5] + ".geojson", encoding="utf-8") as file:
                features = json.load(file)["features"]
            mask = Image.new("L", (768, 768))
            for feature in features:
                if feature["properties"]["classification"]["name"] == "Tumour":
                    for hole, ring in enumerate(feature["geometry"]["coordinates"]):
                        ImageDraw.Draw(mask).polygon([tuple(point) for point in ring], fill=0 if hole else 255)
            Image.open(slide).convert("RGB").resize((320, 320), Image.LANCZOS).save(os.path.join(target, "images", f"{seed}.png"))
            mask.resize((320, 320), Image.NEAREST).save(os.path.join(target, "masks", f"{seed}.png"))
        open(os.path.join(target, "done"), "w", encoding="utf-8").close()


def make_parts(name, work, share):
    """WORK/parts/<name>_{train,test}.csv and a folder of links to the pictures to adapt to; patients are dealt once. Pictures
    that several modalities of a phantom show (camera-a, remapped, inverted) are dealt alike."""
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
    chosen_to_train = train[:round(share * trained)]
    for part, chosen in (("test", test), ("train", chosen_to_train)):
        with open(os.path.join(work, "parts", f"{name}_{part}.csv"), "w", encoding="utf-8") as file:
            file.write(f"image,{'mask' if name in NUCLEI else 'mask:' + label},patient\n")
            for image, mask, group in chosen:
                file.write(",".join([os.path.relpath(image, os.path.join(work, "parts")),
                                     os.path.relpath(mask, os.path.join(work, "parts")), group]) + "\n")
                if part == "train" and not os.path.lexists(os.path.join(links, os.path.basename(image))):
                    os.symlink(os.path.abspath(image), os.path.join(links, os.path.basename(image)))
    return len(chosen_to_train)


def data_options(name):
    return ["--classes", PARTS[name][0]] + (["--mask-values", "objects"] if name in NUCLEI else [])


def train(name, seed, work, sizes, pictures):
    """All of the part trains, for a number of steps: nothing of the source is left to stop it by."""
    out = os.path.join(work, "source", name, f"seed_{seed}")
    if not os.path.exists(os.path.join(out, "metrics.json")):
        is_fine = PARTS[name][0] != "disc"
        epochs = -(-sizes["steps"] // -(-pictures // 4))
        options = ["--widths", sizes["widths"], "--working-size", sizes["fine" if is_fine else "size"], "--epochs", epochs,
                   "--batch", 4, "--learning-rate", sizes["rate"], "--validation-share", 0]
        if is_fine:
            options += ["--crop", sizes["crop"]]
        if name in RETINA:
            options.append("--crop-to-field")
        run("segment", "train", "--data", os.path.join(work, "parts", name + "_train.csv"), "--out", out, "--seed", seed, "--name",
            f"{name}-{seed}", "--threads", 1, *data_options(name), *options)
    return os.path.join(out, "model")


def adapt(model, target, method, out, seed, work, sizes):
    """The adapted package and what the monitors said. Guards only warn: the table shows what they would have taken back."""
    if not os.path.exists(os.path.join(out, "adaptation.json")):
        run("segment", "adapt", os.path.join(work, "parts", target + "_pictures"), "--model", model, "--adapt", *METHODS[method], "--out",
            out, "--seed", seed, "--steps", sizes["adapt"], "--batch", sizes["batch"], "--learning-rate", sizes["adapt_rate"],
            "--guard", "warn", "--guard-pictures", 8, "--threads", 1)
    with open(os.path.join(out, "adaptation.json"), encoding="utf-8") as file:
        return os.path.join(out, "model"), json.load(file)


def evaluate(model, target, out, work, regions=()):
    """Mean Dice of the class over the test pictures; counted objects of nuclei."""
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


def share_factor(first, second):
    """How many times larger or smaller the worst class's share of the pixels is (classes but the background)."""
    pairs = [(max(a, 1e-4), max(b, 1e-4)) for a, b in zip(first[1:], second[1:])]
    return max([1.0, *(max(a / b, b / a) for a, b in pairs)])


def monitor_cells(model, record):
    """What the guard rails compare, so that other limits can be tried on the table."""
    source, adapted = record["source"], record["adapted"]
    shares = {side: list(record[side]["class_shares"].values()) for side in ("source", "adapted")}
    with open(os.path.join(model, "manifest.json"), encoding="utf-8") as file:
        reference = json.load(file).get("monitor_reference")
    cells = {"entropy_source": round(source["entropy"], 5), "entropy_adapted": round(adapted["entropy"], 5),
             # A source that finds nothing agrees with itself whatever the picture shows.
             "mirror_source": round(source["mirror_consistency"], 4) if max(shares["source"][1:]) >= 1e-4 else "",
             "mirror_adapted": round(adapted["mirror_consistency"], 4),
             "agreement": round(record["agreement"], 4), "share_factor": round(share_factor(shares["adapted"], shares["source"]), 3)}
    if reference:
        cells |= {"entropy_own": round(reference["entropy"], 5),
                  "share_factor_source_own": round(share_factor(shares["source"], reference["shares"]), 3),
                  "share_factor_adapted_own": round(share_factor(shares["adapted"], reference["shares"]), 3)}
    return cells | {"doubtful": int(record["is_source_doubtful"]), "tripped": "; ".join(record["tripped"])}


COLUMNS = ("kind", "source", "target", "method", "seed", "dice", "objects", "true_objects", "entropy_source", "entropy_adapted",
           "mirror_source", "mirror_adapted", "agreement", "share_factor", "entropy_own", "share_factor_source_own",
           "share_factor_adapted_own", "doubtful", "tripped")


def row_of(kind, source, target, method, seed, out, model, work, regions, cells=None):
    scores = evaluate(model, target, os.path.join(out, "scores"), work, regions)
    row = dict.fromkeys(COLUMNS, "") | {"kind": kind, "source": source, "target": target, "method": method, "seed": seed,
                                        "dice": round(scores["dice"], 4), "objects": scores.get("objects", ""),
                                        "true_objects": scores.get("true_objects", "")}
    return row | (cells or {})


def shift_rows(kind, source, model, target, seed, work, sizes, regions=()):
    """A row per method, the source first."""
    base = os.path.join(work, "adapted", f"{source}-{target}")
    rows = [row_of(kind, source, target, "source only", seed, os.path.join(base, "none", f"seed_{seed}"), model, work, regions)]
    for method in METHODS:
        out = os.path.join(base, method.replace(", ", "-"), f"seed_{seed}")
        adapted, record = adapt(model, target, method, out, seed, work, sizes)
        rows.append(row_of(kind, source, target, method, seed, out, adapted, work, regions, monitor_cells(model, record)))
    return rows


def would_trip(row, limits):
    """The verdict of models::judge_adaptation under other limits."""
    own = row["entropy_own"] != ""
    doubtful = own and (row["share_factor_source_own"] > limits["share"] or
                        row["entropy_source"] > limits["entropy"] * row["entropy_own"])
    entropy = row["entropy_own"] if doubtful else row["entropy_source"]
    share, at_source = ((row["share_factor_adapted_own"], row["share_factor_source_own"]) if doubtful
                        else (row["share_factor"], 1.0))
    return ((row["entropy_adapted"] > limits["entropy"] * entropy and row["entropy_adapted"] > row["entropy_source"])
            or (share > limits["share"] and share > at_source)
            or (not doubtful and row["agreement"] < limits["agreement"])
            or (row["mirror_source"] != "" and row["mirror_adapted"] < row["mirror_source"] - limits["mirror"]))


def guarded_dice(judged, limits):
    """Mean Dice where the source comes back whenever a monitor trips."""
    return statistics.mean(base if would_trip(row, limits) else row["dice"] for row, base in judged)


def best_limits(judged):
    candidates = (dict(zip(GRID, values)) for values in itertools.product(*GRID.values()))
    # Of equally good limits those nearest to the defaults.
    distance = lambda limits: sum(abs(GRID[key].index(limits[key]) - GRID[key].index(LIMITS[key])) for key in GRID)
    return max(candidates, key=lambda limits: (round(guarded_dice(judged, limits), 6), -distance(limits)))


def spread(values):
    return f"{statistics.mean(values):.3f}" + (f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else "")


def pairs_in(rows):
    return list(dict.fromkeys((row["source"], row["target"]) for row in rows if row["source"] != row["target"]))


def judged_rows(rows):
    base = {(row["source"], row["target"], row["seed"]): row["dice"] for row in rows if row["method"] == "source only"}
    return [(row, base[row["source"], row["target"], row["seed"]]) for row in rows if row["method"] in METHODS]


def dice_table(rows):
    text = "| shift | " + " | ".join(["source only", *METHODS, "upper bound"]) + " |\n|---|" + "---:|" * (len(METHODS) + 2) + "\n"
    for source, target in pairs_in(rows):
        cells = []
        for method in ("source only", *METHODS):
            values = [row["dice"] for row in rows if (row["source"], row["target"], row["method"]) == (source, target, method)]
            cells.append(spread(values) if values else "")
        is_own = any(row["kind"] == "own" and (row["source"], row["target"]) == (source, target) for row in rows)
        values = [row["dice"] for row in rows if row["source"] == row["target"] == target]
        text += f"| {source} → {target} | " + " | ".join([*cells, spread(values) if values and is_own else ""]) + " |\n"
    return text


def guard_table(judged, limits):
    text = ("| shift | " + " | ".join(METHODS) + " |\n|---|" + "---:|" * len(METHODS) + "\n")
    for source, target in pairs_in([row for row, _ in judged]):
        cells = []
        for method in METHODS:
            found = [(row, base) for row, base in judged if (row["source"], row["target"], row["method"]) == (source, target, method)]
            if not found:
                cells.append("")
                continue
            change = statistics.mean(row["dice"] - base for row, base in found)
            cells.append(f"{change:+.3f} ({sum(would_trip(row, limits) for row, _ in found)}/{len(found)})")
        text += f"| {source} → {target} | " + " | ".join(cells) + " |\n"
    return text


def guard_text(rows):
    judged = judged_rows(rows)
    if not judged:
        return ""
    hurt = [row for row, base in judged if row["dice"] < base - 0.01]
    helped = [row for row, base in judged if row["dice"] > base + 0.01]
    taken = lambda some, limits: sum(would_trip(row, limits) for row in some)
    text = ("\n## Where adaptation hurt, and what the guard rails said\n\nMean change of Dice by each method, and in parentheses of how "
            "many runs the guard rails at their default limits take back:\n\n" + guard_table(judged, LIMITS) +
            f"\nOf {len(judged)} adaptations {len(helped)} gained and {len(hurt)} lost more than .01 of Dice. The guard rails take back "
            f"{taken(hurt, LIMITS)} of those that lost and {taken(helped, LIMITS)} of those that gained.\n\n"
            "| limits | entropy | share | agreement | mirrored | losses caught | gains taken back | mean Dice |\n"
            "|---|---:|---:|---:|---:|---:|---:|---:|\n")
    line = lambda name, limits, dice: (f"| {name} | {limits['entropy']} | {limits['share']} | {limits['agreement']} | {limits['mirror']} | "
                                       f"{taken(hurt, limits)} of {len(hurt)} | {taken(helped, limits)} of {len(helped)} | {dice:.4f} |\n")
    text += f"| source only | | | | | | | {statistics.mean(base for _, base in judged):.4f} |\n"
    text += (f"| no guard rails | | | | | 0 of {len(hurt)} | 0 of {len(helped)} | "
             f"{statistics.mean(row['dice'] for row, _ in judged):.4f} |\n")
    text += line("defaults", LIMITS, guarded_dice(judged, LIMITS))
    best = best_limits(judged)
    text += line("best on this table", best, guarded_dice(judged, best))
    pairs = pairs_in(rows)
    if len(pairs) > 2:
        held_out = []
        for pair in pairs:
            limits = best_limits([(row, base) for row, base in judged if (row["source"], row["target"]) != pair])
            held_out += [base if would_trip(row, limits) else row["dice"] for row, base in judged
                         if (row["source"], row["target"]) == pair]
        text += (f"\nLimits chosen on all shifts but one, and used on that one: mean Dice {statistics.mean(held_out):.4f}. The grid: "
                 + "; ".join(f"{key} {', '.join(map(str, values))}" for key, values in GRID.items()) + ".\n")
    missed = [(row, row["dice"] - base) for row, base in judged if row["dice"] < base - 0.01 and not would_trip(row, LIMITS)]
    if missed:
        text += ("\nLosses that the default limits do not see:\n\n| shift | method | seed | change of Dice | entropy | mirrored | "
                 "agreement | share |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
        for row, change in sorted(missed, key=lambda pair: pair[1]):
            text += (f"| {row['source']} → {row['target']} | {row['method']} | {row['seed']} | {change:+.3f} | "
                     f"{row['entropy_source']:.3f} → {row['entropy_adapted']:.3f} | {row['mirror_source']} → "
                     f"{row['mirror_adapted']} | {row['agreement']:.3f} | {row['share_factor']:.2f} |\n")
    return text


def write_tables(rows, results, mode, sizes):
    os.makedirs(results, exist_ok=True)
    path = os.path.join(results, "segmentation.csv")
    with open(path + ".part", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(path + ".part", path)
    seeds = sorted({row["seed"] for row in rows})
    text = ("Adapted to the target's training pictures without labels, measured on its test pictures (mean Dice over pictures; "
            "patients are never on both sides); mean ± standard deviation over seeds. *upper bound*: trained on the target's training "
            f"pictures. `{mode}`: U-Net of {sizes['widths']} channels; discs at {sizes['size']} px, vessels, tumours and nuclei in parts of "
            f"{sizes['crop']} px of pictures of {sizes['fine']} px; {sizes['steps']} training steps and {sizes['adapt']} steps of osuda, of "
            f"{sizes['batch']} pictures each; seeds {', '.join(map(str, seeds))}. "
            "Off-the-shelf networks (lwnet, automorph) at 256 px. Every row is in `segmentation.csv`.\n\n")
    text += dice_table(rows) + guard_text(rows)
    counted = [row for row in rows if row["objects"] != ""]
    if counted:
        text += "\n## Nuclei\n\n| source → target | method | Dice | nuclei found | nuclei in the truth |\n|---|---|---:|---:|---:|\n"
        for key in dict.fromkeys((row["source"], row["target"], row["method"]) for row in counted):
            some = [row for row in counted if (row["source"], row["target"], row["method"]) == key]
            text += (f"| {key[0]} → {key[1]} | {key[2]} | {spread([row['dice'] for row in some])} | "
                     f"{statistics.mean(row['objects'] for row in some):.0f} | {statistics.mean(row['true_objects'] for row in some):.0f} |\n")
    # What people wrote around the table stays.
    page = os.path.join(results, "segmentation.md")
    begin, end = "<!-- segment-shift -->\n", "<!-- segment-shift ends -->\n"
    before, after = "# Segmenters at another site\n\nResearch software, not for diagnosis.\n\n", ""
    if os.path.exists(page):
        with open(page, encoding="utf-8") as file:
            whole = file.read()
        before, after = (whole.split(begin)[0], whole.split(end)[1]) if begin in whole and end in whole else (whole + "\n", "")
    with open(page + ".part", "w", encoding="utf-8") as file:
        file.write(before + begin + "\n" + text + "\n" + end + after)
    os.replace(page + ".part", page)


def write_grid(results, work, seed):
    """Rows of picture, source, bn, osuda, of pictures that may be shown."""
    tile, rows = 256, []
    for source, target in SHOWN:
        grids = [Image.open(os.path.join(work, "adapted", f"{source}-{target}", method, f"seed_{seed}", "before_after.png"))
                 for method in ("bn", "osuda")]
        for number in range(2):
            box = lambda column: (column * tile, number * tile, (column + 1) * tile, (number + 1) * tile)
            rows.append([grids[0].crop(box(0)), grids[0].crop(box(1)), grids[0].crop(box(2)), grids[1].crop(box(2))])
    sheet = Image.new("RGB", (4 * tile, len(rows) * tile), "white")
    for y, row in enumerate(rows):
        for x, part in enumerate(row):
            sheet.paste(part, (x * tile, y * tile))
    folder = os.path.join(results, "..", "pictures")
    os.makedirs(folder, exist_ok=True)
    sheet.save(os.path.join(folder, "segment_shift.jpg"), quality=88)


def main():
    results, work, *rest = sys.argv[1:]
    work = os.path.abspath(work)
    lanes = min(2, os.cpu_count() or 1)
    if "--lanes" in rest:
        at = rest.index("--lanes")
        lanes = int(rest[at + 1])
        del rest[at:at + 2]
    mode = next((argument for argument in rest if argument in SIZES), "--quick")
    sizes = SIZES[mode]
    seeds = [int(argument) for argument in rest if argument not in SIZES] or [0, 1, 2]
    os.makedirs(work, exist_ok=True)
    make_phantoms(work)
    make_scanners(work)
    pictures = {name: make_parts(name, work, sizes["train"]) for name in PARTS}
    rows, lock = [], threading.Lock()

    def keep(some):
        with lock:
            rows.extend(some)
            write_tables(sorted(rows, key=order), results, mode, sizes)

    shifts = [*SHIFTS, *((name, target) for name, _, _, target in PACKED)]
    names = ["source only", *METHODS, "upper bound"]
    order = lambda row: (shifts.index((row["source"], row["target"])) if row["source"] != row["target"] else len(shifts),
                         row["target"], names.index(row["method"]), row["seed"])

    def own(shift, seed):
        source, target = shift
        keep(shift_rows("own", source, os.path.join(work, "source", source, f"seed_{seed}", "model"), target, seed, work, sizes))

    def upper(target, seed):
        out = os.path.join(work, "source", target, f"seed_{seed}")
        keep([row_of("own", target, target, "upper bound", seed, out, os.path.join(out, "model"), work, ())])

    def packed(name, weights, classes, target, seed):
        regions = ("disc=disc+cup",) if "cup" in classes else ()
        keep(shift_rows("off-the-shelf", name, pack(name, weights, classes, work), target, seed, work, sizes, regions))

    for name, weights, classes, _ in PACKED:
        pack(name, weights, classes, work)
    with ThreadPoolExecutor(lanes) as pool:
        for seed in seeds:
            list(pool.map(lambda name: train(name, seed, work, sizes, pictures[name]), PARTS))
            tasks = [pool.submit(own, shift, seed) for shift in SHIFTS]
            tasks += [pool.submit(upper, target, seed) for target in dict.fromkeys(target for _, target in SHIFTS)]
            if seed == seeds[0]:  # bn and alpha-bn of a given network know no chance, osuda and unmix-tns little
                tasks += [pool.submit(packed, *one, seed) for one in PACKED]
            for task in tasks:
                task.result()
    write_grid(results, work, seeds[0])


if __name__ == "__main__":
    main()
