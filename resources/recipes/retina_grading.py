"""Cameras and tables of the recipe retina-grading. Usage: retina_grading.py lists PREPARED | styles DATA OUT | tables WORK RESULTS"""
import csv
import json
import os
import statistics
import sys
import zlib

COLUMNS = ("auc", "accuracy", "macro_f1", "kappa", "ece", "referable_auc", "sensitivity", "specificity")


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lists(prepared):
    """The cohort's lists with the prepared pictures' names; a photograph that could not be prepared is left out."""
    for name in os.listdir(os.path.join(prepared, "splits")):
        path = os.path.join(prepared, "splits", name)
        with open(path, encoding="utf-8") as file:
            lines = [line.split() for line in file]
        with open(path, "w", encoding="utf-8") as file:
            for picture, grade in lines:
                picture = os.path.splitext(picture)[0] + ".png"
                if os.path.exists(os.path.join(prepared, picture)):
                    file.write(f"{picture} {grade}\n")


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


def paired(runs, method, other, column):
    """Differences of the mean over targets, seed by seed."""
    def by_seed(name):
        seeds = sorted({run["seed"] for run in runs})
        return [mean_of([run["test"][column] for run in runs if run["method"] == name and run["seed"] == seed]) for seed in seeds]
    return [a - b for a, b in zip(by_seed(method), by_seed(other)) if a is not None and b is not None]


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


def section(title, folder):
    path = os.path.join(folder, "metrics.json")
    if not os.path.exists(path):
        return f"## {title}\n\nNot measured.\n\n"
    with open(path, encoding="utf-8") as file:
        metrics = json.load(file)
    with open(os.path.join(folder, "table.md"), encoding="utf-8") as file:
        text = f"## {title}\n\n" + file.read().split("\nIntervals")[0] + "\n"
    text += "\nDifferences of the mean over targets, one per seed:\n\n| | AUC | kappa |\n|---|---|---|\n"
    for method, other in (("deco", "erm"), ("deco", "gdrnet"), ("gdrnet", "erm"), ("erm", "logistic regression")):
        cells = []
        for column in ("auc", "kappa"):
            values = paired(metrics["runs"], method, other, column)
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            wins = sum(value > 0 for value in values)
            cells.append(f"{statistics.mean(values):+.3f}{spread}, {wins} of {len(values)} above 0" if values else "not available")
        text += f"| {method} less {other} | {cells[0]} | {cells[1]} |\n"
    text += "\nTemperature on the sources' validation part (the photographs it was fitted on), mean over the runs:\n\n"
    text += "| method | runs | temperature | NLL before | after | ECE before | after |\n|---|---|---|---|---|---|---|\n"
    for method, count, *numbers in calibration(folder):
        text += f"| {method} | {count} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |\n"
    return text + "\n"


def tables(work, results):
    os.makedirs(results, exist_ok=True)
    parts = [section("Phantom cameras, one left out", os.path.join(work, "phantom-dg")),
             section("IDRiD under five styles, one left out", os.path.join(work, "idrid-dg"))]
    with open(os.path.join(results, "retina-tables.md"), "w", encoding="utf-8") as file:
        file.write("# Retina grading: tables\n\nMade by `resources/recipes/retina-grading`; what they say is in [retina.md](retina.md).\n\n"
                   + "".join(parts))


if __name__ == "__main__":
    {"lists": lists, "styles": styles, "tables": tables}[sys.argv[1]](*sys.argv[2:])
