"""Labels, splits and tables of the recipe mil-histology.
Usage: mil_histology.py splits WORK DATA SEED ... | tables WORK DATA RESULTS"""
import os
import sys

import numpy as np
from PIL import Image

import bag_statistics as stats

RATIOS = (1, 5, 10, 20)
# Two patients are left out at a time, so chosen that both classes are tested and trained in every fold.
PAIRS = (("2", "9"), ("7", "10"), ("11", "13"), ("3", "8"))
BASELINE, PLAIN = "logistic regression", "ce-abmil"
ROWS = ("ce-mean", "ce-max", PLAIN, "ce-transmil", "ce-dsmil", "ce-clam_sb", "scmil-abmil", "mhim-abmil", "ins")
ENCODERS = ("resnet50v2", "squeezenet1.1")
LOSSES = ("plain", "weighted", "focal", "balanced", "scmil")
MEASURES = ("auc", "macro_f1", "balanced_accuracy", "recall_negative", "recall_positive")
TILE = 112


def images(data, name):
    """Name, truth (1: malignant), group (what is left out together), cluster (what a resample draws) and mask of every image."""
    rows = []
    for row in stats.read_rows(os.path.join(data, "pathology", name, "labels.csv")):
        group = {"glas": row["patient"], "ucsb_breast": row.get("slide"), "lc25000_colon": row.get("cluster")}[name]
        rows.append({"name": row["file"].rsplit(".", 1)[0], "truth": int(row["label"] in ("malignant", "colon_aca")),
                     "group": group, "mask": row.get("mask")})
    return rows


def write_labels(path, rows):
    stats.write_rows(path, [{"case_id": row["group"], "slide_id": row["name"], "label": "malignant" if row["truth"] else "benign"}
                            for row in rows])


def make_splits(work, data, seeds):
    for name in ("glas", "ucsb_breast", "lc25000_colon"):
        rows = images(data, name)
        write_labels(os.path.join(work, "labels", name + ".csv"), rows)
        if name == "lc25000_colon":
            continue
        for k, group in enumerate(groups_of(rows)):
            test = [row for row in rows if row["group"] == group]
            write_labels(os.path.join(work, "labels", f"{name}_{k}.csv"), test)
            stats.write_split(os.path.join(work, "splits", name, f"splits_{k}.csv"),
                              [row["name"] for row in rows if row["group"] != group], [], [row["name"] for row in test])
    rows = images(data, "glas")
    for seed in seeds:
        random = np.random.default_rng(seed)
        for k, pair in enumerate(PAIRS):
            drawn = [list(random.permutation([row["name"] for row in rows if row["group"] not in pair and row["truth"] == truth]))
                     for truth in (0, 1)]
            count = min(len(drawn[0]), len(drawn[1]))
            for ratio in RATIOS:
                folder = os.path.join(work, "splits", f"ratio-{ratio}", f"seed_{seed}")
                stats.write_split(os.path.join(folder, f"splits_{k}.csv"), drawn[0][:max(2, round(count / ratio))] + drawn[1][:count],
                                  [], [row["name"] for row in rows if row["group"] in pair])


def groups_of(rows):
    return sorted({row["group"] for row in rows})


class Cohort:
    """Truth and resamples of a set; the first row of `counts` is the set itself."""

    def __init__(self, data, name):
        self.rows = images(data, name)
        self.names = [row["name"] for row in self.rows]
        self.truth = np.array([row["truth"] for row in self.rows])
        self.groups = np.array([row["group"] for row in self.rows])
        self.counts = np.vstack([np.ones(len(self.rows)), stats.resample_counts(self.groups)])

    def measure(self, scores):
        """Every measure of one set of probabilities, [1 + R] each."""
        return {"auc": stats.auc(scores, self.truth, self.counts), **stats.decided(scores, self.truth, self.counts)}

    def order(self, said):
        return np.array([said[name] for name in self.names])


def baseline(features, cohorts, name, splits, balanced=False):
    """Probabilities of the left-out images of a set, and of the other site by every fold's regression (none for UCSB)."""
    cohort, mean = cohorts[name], features[name]
    place = {key: i for i, key in enumerate(cohort.names)}
    scores, elsewhere = np.zeros(len(place)), []
    for file in sorted(os.listdir(splits)):
        train, _, test = ([place[key] for key in part] for part in stats.read_split(os.path.join(splits, file)))
        model = stats.fit_baseline(mean[train], cohort.truth[train], cohort.groups[train], balanced)
        scores[test] = model.predict(mean[test])
        if name == "glas":
            elsewhere.append(model.predict(features["lc25000_colon"]))
    return scores, elsewhere


def networks(run, cohorts, name):
    """The same of a finished cross-validation."""
    scores = cohorts[name].order(stats.probabilities(os.path.join(run, "predictions.csv"), "malignant"))
    elsewhere = [cohorts["lc25000_colon"].order(stats.probabilities(os.path.join(run, folder, "predictions.csv"), "malignant"))
                 for folder in sorted(os.listdir(run)) if folder.startswith("elsewhere_")]
    return scores, elsewhere


class Measured:
    """Measures of one row over its seeds, in and out of domain: [seeds, 1 + R] each."""

    def __init__(self, runs, cohorts, name):
        here = [cohorts[name].measure(scores) for scores, _ in runs]
        self.here = {key: np.array([one[key] for one in here]) for key in MEASURES}
        self.there = None
        if runs[0][1]:
            there = [[cohorts["lc25000_colon"].measure(scores) for scores in elsewhere] for _, elsewhere in runs]
            self.there = {key: np.array([np.mean([one[key] for one in seed], axis=0) for seed in there]) for key in MEASURES}


def describe(part, prefix):
    """The mean over seeds with its interval over groups, and the deviation over seeds."""
    line = {}
    for key in MEASURES:
        mean = part[key].mean(axis=0)
        deviation = f" ± {part[key][:, 0].std(ddof=1):.3f}" if len(part[key]) > 1 else ""
        low, high = stats.interval(mean[1:])
        line[prefix + key] = f"{mean[0]:.3f}{deviation} ({low:.3f} to {high:.3f})"
    return line


def compare(part, other, key):
    """Difference, p of the paired bootstrap over groups, and in how many seeds it is above 0 (runs without seeds count in all)."""
    ahead = np.sum(part[key][:, 0] > other[key][:, 0])
    return f"{stats.against(part[key].mean(axis=0), other[key].mean(axis=0))}, {ahead} of {len(part[key])}"


def gland_aucs(work, data, encoder, name, seeds):
    """AUC of the tile scores against "at least half gland" in left-out malignant images: mean of images, one per seed."""
    cohort, masks, found = Cohort(data, "glas"), {}, []
    for seed in seeds:
        of_image = []
        for k, group in enumerate(groups_of(cohort.rows)):
            for row in cohort.rows:
                if row["group"] != group or not row["truth"]:
                    continue
                if row["name"] not in masks:
                    mask = np.array(Image.open(os.path.join(data, "pathology", "glas", row["mask"]))) > 0
                    corners = stats.read_bag(os.path.join(work, "bags", f"{encoder}-glas"), row["name"])[1]
                    masks[row["name"]] = np.array([mask[y:y + TILE, x:x + TILE].mean() >= 0.5 for x, y in corners])
                folder = os.path.join(work, "runs", encoder, name, seed, f"left_out_{k}")
                of_image.append(stats.auc(stats.tile_scores(folder, row["name"]), masks[row["name"]])[0])
        found.append(np.nanmean(of_image))
    return found


def imbalance(work, features, cohorts):
    """Rows of the imbalance experiment: method by ratio."""
    runs, lines = os.path.join(work, "runs", "resnet50v2"), []
    for ratio in RATIOS:
        found = {}
        for name in LOSSES:
            folder = os.path.join(runs, f"ratio-{ratio}-{name}")
            if seeds := stats.finished(folder):
                found[name] = (Measured([networks(os.path.join(folder, seed), cohorts, "glas") for seed in seeds], cohorts, "glas"),
                               seeds)
        if not found:
            continue
        seeds = max((seeds for _, seeds in found.values()), key=len)
        for name, is_balanced in ((BASELINE, False), (BASELINE + ", weighted", True)):
            splits = [os.path.join(work, "splits", f"ratio-{ratio}", seed) for seed in seeds]
            found[name] = (Measured([baseline(features, cohorts, "glas", path, is_balanced) for path in splits], cohorts, "glas"),
                           seeds)
        for name, (measured, used) in found.items():
            line = {"ratio": ratio, "method": name, "seeds": len(used), **describe(measured.here, ""), **describe(measured.there, "other_")}
            for other in LOSSES[:4]:
                for key in ("auc", "macro_f1"):
                    for part, prefix in ((0, ""), (1, "other_")):
                        line[f"{prefix}{key}_against_{other}"] = ""
                        if name == "scmil" and other in found and found[other][1] == used:
                            mine, theirs = ((one.here, one.there)[part] for one in (measured, found[other][0]))
                            line[f"{prefix}{key}_against_{other}"] = compare(mine, theirs, key)
            lines.append(line)
    return lines


def methods(work, data, encoder, name, cohorts, features):
    """Rows of the comparison of methods on one set."""
    runs, found, lines = os.path.join(work, "runs", encoder), {}, []
    found[BASELINE] = (Measured([baseline(features, cohorts, name, os.path.join(work, "splits", name))], cohorts, name), [])
    for row in ROWS:
        folder = os.path.join(runs, f"{name}-{row}")
        if seeds := stats.finished(folder):
            found[row] = (Measured([networks(os.path.join(folder, seed), cohorts, name) for seed in seeds], cohorts, name), seeds)
    for row, (measured, seeds) in found.items():
        line = {"encoder": encoder, "set": name, "method": row, "seeds": len(seeds) or 1, **describe(measured.here, "")}
        line |= {"other_" + key: "" for key in MEASURES}
        if measured.there:
            line |= describe(measured.there, "other_")
        for key, other in (("ce", PLAIN), ("baseline", BASELINE)):
            line["auc_against_" + key], line["other_auc_against_" + key] = "", ""
            if other in found and row != other:
                line["auc_against_" + key] = compare_mean(measured.here, found[other][0].here)
                if measured.there:
                    line["other_auc_against_" + key] = compare_mean(measured.there, found[other][0].there)
        glands = gland_aucs(work, data, encoder, f"{name}-{row}", seeds) if name == "glas" and seeds else []
        line["gland_auc"] = f"{np.mean(glands):.3f}" + (f" ± {np.std(glands, ddof=1):.3f}" if len(glands) > 1 else "") if glands else ""
        lines.append(line)
    return lines


def compare_mean(part, other):
    return stats.against(part["auc"].mean(axis=0), other["auc"].mean(axis=0))


def make_tables(work, data, results):
    cohorts = {name: Cohort(data, name) for name in ("glas", "ucsb_breast", "lc25000_colon")}
    lines, unequal = [], []
    for encoder in ENCODERS:
        if not all(os.path.exists(os.path.join(work, "bags", f"{encoder}-{name}.done")) for name in cohorts):
            continue
        features = {name: stats.mean_features(os.path.join(work, "bags", f"{encoder}-{name}"), cohort.names)
                    for name, cohort in cohorts.items()}
        for name in ("glas", "ucsb_breast"):
            lines += methods(work, data, encoder, name, cohorts, features)
        if encoder == "resnet50v2":
            unequal = imbalance(work, features, cohorts)
    stats.write_rows(os.path.join(results, "mil-histology.csv"), lines)
    if unequal:
        stats.write_rows(os.path.join(results, "mil-histology-imbalance.csv"), unequal)
    write_page(os.path.join(results, "mil-histology.md"), lines, unequal)


def write_page(path, lines, unequal):
    columns = [("method", "method"), ("seeds", "seeds"), ("auc", "AUC"), ("auc_against_ce", "AUC less " + PLAIN),
               ("auc_against_baseline", "AUC less baseline"), ("macro_f1", "macro-F1"), ("balanced_accuracy", "balanced accuracy"),
               ("recall_negative", "recall benign"), ("recall_positive", "recall malignant")]
    other = [("method", "method"), ("other_auc", "AUC"), ("other_auc_against_ce", "AUC less " + PLAIN),
             ("other_auc_against_baseline", "AUC less baseline"), ("other_macro_f1", "macro-F1"),
             ("other_balanced_accuracy", "balanced accuracy"), ("other_recall_negative", "recall benign"),
             ("other_recall_positive", "recall malignant"), ("gland_auc", "gland AUC")]
    text = [f"""# H&E images as bags of tiles

Written by `resources/recipes/mil-histology`. Sets as described in the data's `PROVENANCE.md`; their licences are unclear: tables only, no
network trained on them is kept. Tiles of {TILE} px that overlap by a quarter, enlarged to 160 px for two ImageNet encoders (ResNet-50 v2 cut after
stage 3: 1024 features; SqueezeNet 1.1: its 1000 outputs).

- **GlaS** (colon, 112 images, 65 malignant, 8 patients): one patient left out at a time, predictions pooled. **LC25000 colon** (360 images,
  180 malignant, 302 clusters of augmented originals) is the other site: every network of every fold classifies all of it, and the measures
  are averaged over the networks. **UCSB breast** (40 images, 17 malignant, patients unknown): one of 7 array blocks left out at a time.
- Embedding 64, no validation part (no patient can be spared), nothing tuned here: rates and epochs as in `mil-benchmarks`, constant, weight decay
  0.00001. Cross-entropy and MHIM: Adam 0.0005, a bag a step, 30 epochs; SC-MIL: Adam 0.002, 16 bags a step, 60 epochs; INS: its own SGD 0.01, 30
  epochs. Decisions at a probability of one half.
- Cells: mean over seeds ± SD over seeds (95 % interval from {stats.RESAMPLES} resamples of whole patients, blocks or clusters, which is wide where there are
  8 or 7 of them).
- **Plain baseline:** logistic regression on mean-pooled features, L2 chosen by five inner folds of the training part (whole patients).
- **Less:** difference and two-sided p of a paired bootstrap over the same patients, blocks or clusters, not corrected for the number of rows.
- **Gland AUC:** tile scores against "at least half gland" in left-out malignant images: where a method looks, not whether it is right.
"""]
    for encoder in ENCODERS:
        for name, title in (("glas", "GlaS, patients left out"), ("ucsb_breast", "UCSB breast, blocks left out")):
            rows = [line for line in lines if line["encoder"] == encoder and line["set"] == name]
            if not rows:
                continue
            text.append(f"## {title}, {encoder}\n\n{stats.markdown(rows, columns)}\n")
            if name == "glas":
                text.append(f"## Trained on GlaS, tested on LC25000 colon, {encoder}\n\n{stats.markdown(rows, other)}\n")
    if unequal:
        text.append(f"""## Imbalance (ResNet-50 v2, base ABMIL)

Two patients left out at a time ({", ".join(" and ".join(pair) for pair in PAIRS)}), predictions pooled. Of the training part alone, benign images
are taken away until malignant ones are 1, 5, 10 and 20 times as many (never fewer than 2; the malignant ones are as many at every ratio,
28 to 42, so that the last ratio is 14 to 21); a smaller draw is part of the larger one. The seed draws images, first weights and order. Tests are
untouched. All see 60 epochs of bags. weighted: inverse frequency; focal: gamma 2; balanced: sampling with replacement; scmil: parabolic
schedule, temperature 1, balanced batches.
""")
        for prefix, title in (("", "In domain: left-out patients of GlaS"), ("other_", "Out of domain: LC25000 colon")):
            shown = [("ratio", "ratio"), ("method", "method"), ("seeds", "seeds")] + [
                (prefix + key, heading) for key, heading in (("macro_f1", "macro-F1"), ("balanced_accuracy", "balanced accuracy"), ("auc", "AUC"),
                                                             ("recall_negative", "recall benign"), ("recall_positive", "recall malignant"))]
            text.append(f"### {title}\n\n{stats.markdown(unequal, shown)}\n")
            rows = [line for line in unequal if line["method"] == "scmil"]
            for key, heading in (("macro_f1", "macro-F1"), ("auc", "AUC")):
                text.append(f"SC-MIL's {heading} less that of cross-entropy, p of the paired bootstrap, seeds in which SC-MIL is ahead:\n\n" +
                            stats.markdown(rows, [("ratio", "ratio")] + [(f"{prefix}{key}_against_{loss}", loss) for loss in LOSSES[:4]]) + "\n")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(text))


def main():
    command, work, data = sys.argv[1:4]
    if command == "splits":
        make_splits(work, data, [int(seed) for seed in sys.argv[4:]])
    else:
        make_tables(work, data, sys.argv[4])


main()
