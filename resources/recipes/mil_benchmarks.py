"""Ten-fold cross-validation on the small MIL benchmarks, through `tessera mil crossval`. Run by the recipe mil-benchmarks.

The folds are stratified. Features are standardised by each fold's training part. What may be chosen (SETTINGS) is chosen for each
fold from its training part alone: every setting is trained on two thirds of it, --inner times; the one with the least mean
cross-entropy on the rest is trained again on all of it, for the same epochs and without early stopping, and tested once."""
import argparse
import csv
import math
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

import h5py
import numpy as np

import bag_statistics as stats

FOLDS = 10
TESSERA = os.environ["TESSERA"]
COMMON = ("--embed-dim", "128", "--learning-rate-schedule", "cosine", "--patience", "100000", "--min-epochs", "100000",
          "--seed", "1", "--threads", "1")
ATTENTION = ("--base", "abmil", "--attention-dim", "64", "--attention-activation", "tanh", "--attention-bias")
BASES = {"mean": ("--base", "mean"), "max": ("--base", "max"), "abmil": ATTENTION, "abmil gated": ATTENTION + ("--gated",),
         "dsmil": ("--base", "dsmil"), "transmil": ("--base", "transmil", "--transmil-landmarks", "16"),
         "clam_sb": ("--base", "clam_sb", "--attention-dim", "64"), "clam_mb": ("--base", "clam_mb", "--attention-dim", "64")}
METHODS = {"ce": ("--method", "ce", "--epochs", "30"), "scmil": ("--method", "scmil", "--epochs", "60"),
           "mhim": ("--method", "mhim", "--epochs", "30"), "ins": ("--method", "ins", "--epochs", "30")}
ROWS = ([(method, base) for method in ("ce", "scmil", "mhim") for base in ("abmil", "abmil gated")] + [("ins", "")]
        + [("ce", base) for base in BASES if base not in ("abmil", "abmil gated")]
        + [("scmil", base) for base in ("mean", "dsmil")] + [("mhim", base) for base in ("dsmil", "transmil")])


def settings(method):
    """What may be chosen, by name: one short list for every base and benchmark."""
    if method == "ins":
        return {"step .01": ("--ins-learning-rate", "0.01"), "step .003": ("--ins-learning-rate", "0.003")}
    rate = "0.002" if method == "scmil" else "0.0005"
    return {f"decay {decay}": ("--learning-rate", rate, "--weight-decay", decay) for decay in ("0.0001", "0.01", "0.1")}


INTRODUCTION = f"""# The small MIL benchmarks

Written by `resources/recipes/mil-benchmarks`. Stratified {FOLDS}-fold cross-validation through `tessera mil crossval`; where a heading
says more folds, {FOLDS} were drawn again from another seed. Features are standardised by each fold's training part, networks have an
embedding of 128. One rule chooses the settings of every method, base and benchmark: for each fold, every setting is trained on two thirds
of its training part and held against the rest, as many times as the heading says; the least mean cross-entropy wins and is trained on
the whole training part for the same epochs. No test fold chooses anything, no epoch either.

- **accuracy:** mean of the folds, decided at a probability of one half (no abstention); **sd of folds:** sample deviation; **AUC:** of all bags together.
- **against the base by ce:** difference of the folds' accuracies, two-sided p of the signed-rank test; INS is held against `abmil`.
- **chosen:** share of the folds that each setting was chosen in.
"""

PUBLISHED = {"musk1": (0.892, 0.900), "musk2": (0.858, 0.863), "tiger": (0.839, 0.845), "elephant": (0.868, 0.857)}


def read_instances(path):
    """Names of the bags in file order, their labels, and [N, F] instances of each."""
    uci = not path.endswith(".csv")
    bags, labels = {}, {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if not uci and row[0] == "bag_id" or len(row) < 3:
                continue
            values = [float(cell.rstrip(".")) for cell in row[2:]]
            label = values.pop() if uci else float(row[1])
            bags.setdefault(row[0], []).append(values)
            labels[row[0]] = max(int(label > 0), labels.get(row[0], 0))
    names = list(bags)
    widths = {len(values) for name in names for values in bags[name]}
    if len(widths) != 1 or len(set(labels.values())) != 2:
        sys.exit(f"{path}: no table of bags with two classes; rows have {sorted(widths)} features.")
    return names, np.array([labels[name] for name in names]), [np.array(bags[name]) for name in names]


def deal(labels, parts, random):
    """A number below `parts` for every bag, so that the parts hold the classes alike and differ by one bag at most."""
    part = np.zeros(len(labels), int)
    dealt = 0
    for label in (0, 1):
        order = random.permutation(np.flatnonzero(labels == label))
        part[order] = (np.arange(len(order)) + dealt) % parts
        dealt += len(order)
    return part


def write_bag(path, instances):
    with h5py.File(path, "w") as file:
        file["features"] = instances.astype(np.float32)
        file["coords"] = np.zeros((len(instances), 2), np.int64)


def prepare(source, work, repeats, inner_parts):
    """Bags (one copy per repeat and fold, standardised by its training part), labels and the splits of both rounds."""
    if os.path.exists(os.path.join(work, "labels.csv")):
        return
    names, labels, instances = read_instances(source)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "bags"))
    rows = []
    for repeat in range(repeats):
        random = np.random.RandomState(repeat)
        fold_of = deal(labels, FOLDS, random)
        for fold in range(FOLDS):
            number = repeat * FOLDS + fold
            trained = np.concatenate([rows_ for rows_, k in zip(instances, fold_of) if k != fold])
            mean, scale = trained.mean(axis=0), trained.std(axis=0)
            scale[scale < 1e-9] = 1
            ids = [f"{number:03d}-{place:04d}" for place in range(len(names))]
            for bag_id, bag, label in zip(ids, instances, labels):
                write_bag(os.path.join(work, "bags", bag_id + ".h5"), (bag - mean) / scale)
                rows.append({"slide_id": bag_id, "label": label})
            training = np.flatnonzero(fold_of != fold)
            inner = deal(labels[training], 3, random)
            test = [ids[i] for i in np.flatnonzero(fold_of == fold)]
            for part in range(inner_parts):
                kept, held = ([ids[i] for i in training[inner != part]], [ids[i] for i in training[inner == part]])
                stats.write_split(os.path.join(work, "splits", "choose", f"splits_{number * inner_parts + part}.csv"), kept, held, test)
            stats.write_split(os.path.join(work, "splits", "test", f"splits_{number}.csv"), [ids[i] for i in training], [], test)
    stats.write_rows(os.path.join(work, "labels.csv"), rows)


def crossval(work, method, base, setting, splits, out):
    command = [TESSERA, "mil", "crossval", "--bags", os.path.join(work, "bags"), "--labels", os.path.join(work, "labels.csv"),
               "--splits", splits, "--out", out, *COMMON, *METHODS[method], *BASES.get(base, ()), *settings(method)[setting]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{ended.stderr}")


def split_files(folder):
    """The files splits_k.csv of a folder in the order in which crossval numbers its folds."""
    return sorted(os.listdir(folder), key=lambda name: int(name[len("splits_"):-len(".csv")]))


def fold_count(work):
    return len(split_files(os.path.join(work, "splits", "test")))


def inner_count(work):
    return len(split_files(os.path.join(work, "splits", "choose"))) // fold_count(work)


def last_validation_loss(folder):
    return float(stats.read_rows(os.path.join(folder, "curves.csv"))[-1]["validation_loss"])


def row_name(method, base):
    return f"{method}-{base}".replace(" ", "_").rstrip("-")


def run_row(work, method, base):
    """Chooses, trains and tests one method on one base: predictions.csv of its folder, where it is missing."""
    name = row_name(method, base)
    out = os.path.join(work, "rows", name)
    if os.path.exists(os.path.join(out, "predictions.csv")):
        return
    choices = os.path.join(work, "splits", "choose")
    losses = {}
    for setting in settings(method):
        run = os.path.join(out, "choose", setting.replace(" ", "_"))
        crossval(work, method, base, setting, choices, run)
        each = [last_validation_loss(os.path.join(run, f"fold_{k}")) for k in range(len(split_files(choices)))]
        losses[setting] = np.mean(np.reshape(each, (fold_count(work), -1)), axis=1)
    rows = []
    for setting in settings(method):
        folder, run = (os.path.join(out, part, setting.replace(" ", "_")) for part in ("splits", "test"))
        os.makedirs(folder, exist_ok=True)
        for k in range(len(losses[setting])):
            if min(losses, key=lambda one: losses[one][k]) == setting:
                shutil.copy(os.path.join(work, "splits", "test", f"splits_{k}.csv"), folder)
        if not os.listdir(folder):
            continue
        crossval(work, method, base, setting, folder, run)
        for row in stats.read_rows(os.path.join(run, "predictions.csv")):
            rows.append({**row, "part": f"fold_{int(row['id'][:3])}", "setting": setting})
    rows.sort(key=lambda row: row["id"])
    stats.write_rows(os.path.join(out, "predictions.csv"), rows)
    for part in ("choose", "test"):
        shutil.rmtree(os.path.join(out, part))
    print(f"{os.path.basename(work)} {name}: accuracy {accuracy_by_fold(rows).mean():.3f}", flush=True)


def is_right(row):
    """By the likelier class: the verdict of an unlike bag may be an abstention, which the published accuracies do not have."""
    return (float(row["probability_1"]) >= 0.5) == (row["label"] == "1")


def accuracy_by_fold(rows):
    folds = sorted({row["part"] for row in rows}, key=lambda part: int(part[len("fold_"):]))
    return np.array([np.mean([is_right(row) for row in rows if row["part"] == fold]) for fold in folds])


def signed_rank_p(differences):
    """Two-sided p of the signed-rank test over folds, by the normal law with ties; 1 where no fold differs."""
    differences = differences[np.abs(differences) > 1e-12]
    if len(differences) == 0:
        return 1.0
    _, place, counts = np.unique(np.abs(differences).round(12), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    spread = math.sqrt((ranks ** 2).sum() / 4)
    distance = max(abs(ranks[differences > 0].sum() - ranks.sum() / 2) - 0.25, 0)
    return math.erfc(distance / spread / math.sqrt(2))


def measure(work, name):
    """Of every finished row: accuracy by fold, AUC over all bags, how often each setting was chosen."""
    found = []
    for method, base in ROWS:
        path = os.path.join(work, "rows", row_name(method, base), "predictions.csv")
        if not os.path.exists(path):
            continue
        rows = stats.read_rows(path)
        folds = accuracy_by_fold(rows)
        repeats = folds.reshape(-1, FOLDS)
        scores = np.array([float(row["probability_1"]) for row in rows])
        chosen = {setting: sum(row["setting"] == setting for row in rows) / len(rows) for setting in settings(method)}
        found.append({"benchmark": name, "method": method, "base": base or "own", "folds": folds, "bags": len(rows) // len(repeats),
                      "accuracy": folds.mean(), "sd_folds": folds.std(ddof=1),
                      "sd_repeats": repeats.mean(axis=1).std(ddof=1) if len(repeats) > 1 else None,
                      "auc": float(stats.auc(scores, np.array([int(row["label"]) for row in rows]))), "chosen": chosen})
    return found


def write_tables(folder):
    """The finished rows of all benchmarks that WORK holds, as WORK/mil-benchmarks.md and .csv."""
    lines, table = [INTRODUCTION], []
    for name in sorted(entry.name for entry in os.scandir(folder) if os.path.isdir(os.path.join(entry.path, "rows"))):
        rows = measure(os.path.join(folder, name), name)
        if not rows:
            continue
        by_name = {(row["method"], row["base"]): row for row in rows}
        lines += [f"## {name}: {rows[0]['bags']} bags, {len(rows[0]['folds'])} folds, "
                  f"settings chosen over {inner_count(os.path.join(folder, name))} inner parts", "",
                  "| method | base | accuracy | sd of folds | sd of repeats | AUC | against the base by ce (p) | chosen |",
                  "|---|---|---|---|---|---|---|---|"]
        for row in rows:
            other = by_name.get(("ce", "abmil" if row["method"] == "ins" else row["base"]))
            against = ""
            if other is not None and other is not row and len(other["folds"]) == len(row["folds"]):
                differences = row["folds"] - other["folds"]
                against = f"{differences.mean():+.3f} ({signed_rank_p(differences):.2f})"
            chosen = ", ".join(f"{setting} {share:.0%}" for setting, share in row["chosen"].items())
            repeats = "" if row["sd_repeats"] is None else f"{row['sd_repeats']:.3f}"
            lines.append(f"| {row['method']} | {row['base']} | {row['accuracy']:.3f} | {row['sd_folds']:.3f} | {repeats} | "
                         f"{row['auc']:.3f} | {against} | {chosen} |")
            table.append({"benchmark": name, "method": row["method"], "base": row["base"], "accuracy": f"{row['accuracy']:.4f}",
                          "sd_folds": f"{row['sd_folds']:.4f}", "auc": f"{row['auc']:.4f}", "against_ce": against})
        if name in PUBLISHED:
            lines += [f"| published [ilse2018] | attention / gated | {PUBLISHED[name][0]:.3f} / {PUBLISHED[name][1]:.3f} | | | | | "
                      "per benchmark |"]
        lines.append("")
    if not table:
        return
    stats.write_rows(os.path.join(folder, "mil-benchmarks.csv"), table)
    page = os.path.join(folder, "mil-benchmarks.md")
    with open(page + ".part", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    os.replace(page + ".part", page)


def benchmark_name(source):
    name = os.path.splitext(os.path.basename(source))[0].lower()
    return {"clean1": "musk1", "clean2": "musk2"}.get(name, name)


def main():
    parser = argparse.ArgumentParser(prog="mil-benchmarks", description=__doc__)
    parser.add_argument("work", metavar="WORK", help="folder of the runs, used again")
    parser.add_argument("file", metavar="FILE", help="clean1.data (or its folder), or a CSV of bag_id,bag_label,f0,...")
    parser.add_argument("--full", action="store_true", help="five times ten folds instead of once")
    parser.add_argument("--inner", type=int, default=1, choices=(1, 2, 3), help="inner parts that settings are chosen over, 1 by default")
    parser.add_argument("--rows", metavar="NAME,...", help="these alone: " + ", ".join(row_name(*row) for row in ROWS))
    arguments = parser.parse_args()
    rows = [row for row in ROWS if not arguments.rows or row_name(*row) in arguments.rows.split(",")]
    if os.path.isdir(arguments.file):  # UCI's own folder
        arguments.file = next((entry.path for entry in os.scandir(arguments.file) if entry.name.endswith(".data")), arguments.file)
    name = benchmark_name(arguments.file) + ("-full" if arguments.full else "")
    work = os.path.join(arguments.work, name)
    prepare(arguments.file, work, 5 if arguments.full else 1, arguments.inner)
    with ThreadPoolExecutor(2) as pool:
        for ended in as_completed([pool.submit(run_row, work, *row) for row in rows]):
            ended.result()
            write_tables(arguments.work)
    print(os.path.join(arguments.work, "mil-benchmarks.md"))


if __name__ == "__main__":
    main()
