"""Cameras and tables of the recipe retina-grading. Usage: retina_grading.py styles DATA OUT | tables WORK RESULTS"""
import csv
import itertools
import json
import os
import statistics
import sys
import zlib

COLUMNS = ("auc", "accuracy", "macro_f1", "kappa", "ece", "referable_auc", "sensitivity", "specificity")


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


STYLES = {
    # gains of R, G, B; gamma; contrast; blur in px; noise in grey levels; saturation
    "plain": ((1, 1, 1), 1.0, 1.0, 0.0, 0, 1.0),
    "cool": ((0.85, 1.0, 1.35), 1.0, 0.9, 0.0, 4, 0.8),
    "dim": ((0.75, 0.7, 0.7), 1.3, 0.9, 0.8, 6, 1.0),
    "washed": ((1.1, 1.15, 1.2), 0.8, 0.7, 0.6, 2, 0.6),
    "vivid": ((1.2, 0.9, 0.7), 1.0, 1.25, 0.0, 2, 1.5),
}


def styles(data, out):
    """IDRiD's photographs, each under one of the styles."""
    import numpy as np
    from PIL import Image, ImageFilter
    source = os.path.join(data, "fundus_dr", "idrid")
    os.makedirs(os.path.join(out, "images"), exist_ok=True)
    rows = []
    for row in read_rows(os.path.join(source, "labels.csv")):
        names = sorted(STYLES)
        seed = zlib.crc32(row["group"].encode())
        style = names[seed % len(names)]
        gains, gamma, contrast, blur, noise, saturation = STYLES[style]
        picture = Image.open(os.path.join(source, row["file"])).convert("RGB")
        pixels = np.asarray(picture, np.float32) / 255
        field = pixels.max(2, keepdims=True) > 0.08
        mean = (pixels * field).sum((0, 1)) / field.sum()
        grey = pixels.mean(2, keepdims=True)
        pixels = grey + (pixels - grey) * saturation
        pixels = (pixels - mean) * contrast + mean
        pixels = np.clip(pixels * np.array(gains, np.float32), 0, 1) ** gamma
        pixels = pixels + np.random.default_rng(seed).normal(0, noise / 255, pixels.shape)
        changed = Image.fromarray((np.clip(pixels * field, 0, 1) * 255).astype(np.uint8))
        if blur > 0:
            changed = changed.filter(ImageFilter.GaussianBlur(blur))
        changed.save(os.path.join(out, "images", row["file"]), quality=92)
        rows.append({"file": "images/" + row["file"], "dr_grade": row["dr_grade"], "dme_risk": row["dme_risk"],
                     "group": row["group"], "site": style})
    with open(os.path.join(out, "labels.csv"), "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def mean_of(values):
    values = [value for value in values if value is not None]
    return statistics.mean(values) if values else None


def differences(runs, method, other, column):
    """{(target, seed): value of `method` less that of `other`}, where both have one."""
    def values(name):
        return {(run["target"], run["seed"]): run["test"][column] for run in runs if run["method"] == name}
    ours, theirs = values(method), values(other)
    return {key: ours[key] - theirs[key] for key in ours if None not in (ours[key], theirs.get(key))}


def grouped(pairs, part):
    """Means over the targets (part 1: by seed) or over the seeds (part 0: by target)."""
    groups = {}
    for key, value in pairs.items():
        groups.setdefault(key[part], []).append(value)
    return [statistics.mean(values) for values in groups.values()]


def sign_flips(values):
    """Two-sided p of the mean under exchange of the two methods, all sign patterns tried."""
    seen = abs(sum(values)) - 1e-12
    patterns = list(itertools.product((1, -1), repeat=len(values)))
    return sum(abs(sum(s * v for s, v in zip(signs, values))) >= seen for signs in patterns) / len(patterns)


def calibration(folder):
    """ECE of the validation part before and after its temperature, mean over the runs of each method."""
    rows = []
    for method in ("erm", "gdrnet", "deco"):
        found = []
        runs = os.path.join(folder, "runs", method)
        for name in sorted(os.listdir(runs)) if os.path.isdir(runs) else []:
            with open(os.path.join(runs, name, "metrics.json"), encoding="utf-8") as file:
                fit = json.load(file)["calibration"]
            if fit:
                found.append(fit)
        if found:
            rows.append((method, len(found), *(statistics.mean(fit[key] for fit in found) for key in
                                               ("temperature", "nll_before", "nll_after", "ece_before", "ece_after"))))
    return rows


PAIRS = (("deco", "erm"), ("deco", "gdrnet"), ("gdrnet", "erm"), ("erm", "logistic regression"))


def compare(runs):
    text = ("\nPaired differences of the AUC and of kappa: mean over targets and seeds, how many targets lie above 0, and the exact two-sided p of "
            "sign flips over targets (each the mean of its seeds) and over seeds (each the mean of its targets):\n\n"
            "| | AUC | targets above 0 | p, targets | p, seeds | kappa | targets above 0 | p, targets | p, seeds |\n"
            "|---|---|---|---|---|---|---|---|---|\n")
    for method, other in PAIRS:
        cells = []
        for column in ("auc", "kappa"):
            pairs = differences(runs, method, other, column)
            if not pairs:
                cells += ["not available"] + [""] * 3
                continue
            targets, seeds = grouped(pairs, 0), grouped(pairs, 1)
            p_seeds = f"{sign_flips(seeds):.3f}" if len(seeds) > 1 else ""
            cells += [f"{statistics.mean(targets):+.3f}", f"{sum(value > 0 for value in targets)} of {len(targets)}",
                      f"{sign_flips(targets):.3f}", p_seeds]
        text += f"| {method} less {other} | " + " | ".join(cells) + " |\n"
    return text


def section(title, folder):
    path = os.path.join(folder, "metrics.json")
    if not os.path.exists(path):
        return f"## {title}\n\nNot measured.\n\n"
    with open(path, encoding="utf-8") as file:
        metrics = json.load(file)
    with open(os.path.join(folder, "table.md"), encoding="utf-8") as file:
        text = f"## {title}\n\n" + file.read().split("\nIntervals")[0] + "\n"
    text += compare(metrics["runs"])
    text += "\nTemperature on the sources' validation part (the photographs it was fitted on), mean over the runs:\n\n"
    text += "| method | runs | temperature | NLL before | after | ECE before | after |\n|---|---|---|---|---|---|---|\n"
    for method, count, *numbers in calibration(folder):
        text += f"| {method} | {count} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |\n"
    return text + "\n"


def evidence(folder):
    """Of each method's graders, on the camera that they have not seen; mean over the cameras."""
    rows = []
    for method in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        found = []
        for camera in sorted(os.listdir(os.path.join(folder, method))):
            path = os.path.join(folder, method, camera, "metrics.json")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    found.append(json.load(file)["evidence"])
        found = [scores for scores in found if scores]
        if found:
            rows.append((method, sum(scores["photographs"] for scores in found),
                         *(mean_of([scores[key] for scores in found]) for key in ("pointing", "pointing_chance", "auc"))))
    text = "## Evidence maps against the phantoms' lesion masks\n\n"
    if not rows:
        return text + "Not measured.\n"
    text += "| method | photographs with lesions | pointing game | by chance | AUC of the pixels |\n|---|---|---|---|---|\n"
    for method, count, *numbers in rows:
        text += f"| {method} | {count} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |\n"
    return text


def write_runs(work, path):
    """Every run of both tables as a line."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["cohort", "method", "target", "seed", "photographs", *COLUMNS])
        for cohort in ("phantom-dg", "idrid-dg"):
            metrics = os.path.join(work, cohort, "metrics.json")
            if not os.path.exists(metrics):
                continue
            with open(metrics, encoding="utf-8") as text:
                runs = json.load(text)["runs"]
            for run in runs:
                values = (run["test"][column] for column in COLUMNS)
                writer.writerow([cohort, run["method"], run["target"], run["seed"], run["test"]["cases"],
                                 *("" if value is None else f"{value:.4f}" for value in values)])


def tables(work, results):
    os.makedirs(results, exist_ok=True)
    parts = [section("Phantom cameras, one left out", os.path.join(work, "phantom-dg")),
             section("IDRiD under five styles, one left out", os.path.join(work, "idrid-dg")), evidence(os.path.join(work, "evidence"))]
    with open(os.path.join(results, "retina-tables.md"), "w", encoding="utf-8") as file:
        file.write("# Retina grading: tables\n\nMade by `resources/recipes/retina-grading`; what they say is in [retina.md](retina.md).\n\n"
                   + "".join(parts))
    write_runs(work, os.path.join(results, "retina.csv"))


if __name__ == "__main__":
    {"styles": styles, "tables": tables}[sys.argv[1]](*sys.argv[2:])
