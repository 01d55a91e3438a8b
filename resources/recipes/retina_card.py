"""The measured part of the bundled fundus grader's card: grader and plain baseline on the same folds, with paired intervals.
Usage: retina_card.py CROSSVAL_FOLDER LABELS_CSV MIN_CONFIDENCE SITES_FOLDER"""
import csv
import glob
import os
import sys

import numpy as np

GRADER, BASELINE, RESAMPLES = "erm", "logistic regression", 300
DOMAIN = "idrid"  # phantoms teach as well, and are not counted
WORDS = {"auc": "AUC, one against one", "accuracy": "accuracy", "macro_f1": "macro F1", "kappa": "quadratic kappa", "ece": "ECE (15 bins)",
         "nll": "negative log-likelihood", "referable_auc": "referable AUC", "sensitivity": "sensitivity at 0.5",
         "specificity": "specificity at 0.5"}


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def area(scores, positives):
    """Of the ROC curve; ties count half."""
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = np.empty(len(scores))
    ranks[order] = ((ends - counts + 1 + ends) / 2)[inverse]
    n, m = positives.sum(), (~positives).sum()
    return (ranks[positives].sum() - n * (n + 1) / 2) / (n * m) if n and m else np.nan


def one_vs_one(p, labels):
    areas = []
    for i in range(p.shape[1]):
        for j in range(i + 1, p.shape[1]):
            pair = (labels == i) | (labels == j)
            areas.append((area(p[pair, i], labels[pair] == i) + area(p[pair, j], labels[pair] == j)) / 2)
    return np.mean(areas)


def calibration_error(p, labels, bins=15):
    confidence, hits, error = p.max(1), p.argmax(1) == labels, 0
    for i in range(bins):
        members = (confidence > i / bins) & (confidence <= (i + 1) / bins)
        if members.any():
            error += members.mean() * abs(hits[members].mean() - confidence[members].mean())
    return error


def confusion_of(p, labels):
    confusion = np.zeros((5, 5), int)
    np.add.at(confusion, (labels, p.argmax(1)), 1)
    return confusion


def measure(p, labels):
    confusion = confusion_of(p, labels)
    distance = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    chance = np.outer(confusion.sum(1), confusion.sum(0)) / confusion.sum()
    found = np.diag(confusion)
    score, referable = p[:, 2:].sum(1), labels >= 2
    return {"auc": one_vs_one(p, labels), "accuracy": found.sum() / confusion.sum(),
            "macro_f1": (2 * found / np.maximum(confusion.sum(0) + confusion.sum(1), 1)).mean(),
            "kappa": 1 - (distance * confusion).sum() / (distance * chance).sum(), "ece": calibration_error(p, labels),
            "nll": -np.log(p[np.arange(len(labels)), labels] + 1e-300).mean(), "referable_auc": area(score, referable),
            "sensitivity": ((score >= 0.5) & referable).sum() / referable.sum(),
            "specificity": ((score < 0.5) & ~referable).sum() / (~referable).sum()}


class Predictions:
    """Of one method, all repeats: probabilities [S, N, 5], in the order of the names."""

    def __init__(self, folder, method):
        repeats = [{row["id"]: row for row in read_rows(path) if row["domain"] == DOMAIN}
                   for path in sorted(glob.glob(os.path.join(folder, f"predictions-{method}-*.csv")))]
        self.names = sorted(repeats[0])
        self.rows = [[repeat[name] for name in self.names] for repeat in repeats]
        self.p = np.array([[[float(row[f"p{k}"]) for k in range(5)] for row in rows] for rows in self.rows])
        self.labels = np.array([int(row["label"]) for row in self.rows[0]])

    def means(self, chosen=slice(None)):
        found = [measure(p[chosen], self.labels[chosen]) for p in self.p]
        return {key: np.mean([values[key] for values in found]) for key in WORDS}


def table(ours, other, groups):
    members = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    members, random = list(members.values()), np.random.RandomState(1)
    samples = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([members[i] for i in random.randint(0, len(members), len(members))])
        samples.append((ours.means(chosen), other.means(chosen)))
    a, b = ours.means(), other.means()
    lines = ["| | this grader | logistic regression | difference |", "|---|---|---|---|"]
    for key, words in WORDS.items():
        cells = []
        for value, spread, sign in ((a[key], [x[key] for x, _ in samples], ""), (b[key], [y[key] for _, y in samples], ""),
                                    (a[key] - b[key], [x[key] - y[key] for x, y in samples], "+")):
            low, high = np.nanpercentile(spread, [2.5, 97.5])
            cells.append(f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def oedema(folder_rows, risks):
    areas, hits = [], []
    for rows in folder_rows:
        p = np.array([[float(row[f"d{k}"]) for k in range(3)] for row in rows])
        areas.append(one_vs_one(p, risks))
        hits.append((p.argmax(1) == risks).mean())
    return np.mean(areas), np.mean(hits)


SITES = {"chasedb1": "CHASE_DB1: eyes of 14 children, no retinopathy known", "drive": "DRIVE: of the whole set of 40, 7 show early retinopathy",
         "drishti_gs": "Drishti-GS: a glaucoma clinic"}


def other_cameras(folder):
    lines = ["| | photographs | no retinopathy | mild | moderate or worse | abstained | ungradable or failed |", "|---|---|---|---|---|---|---|"]
    for site, words in SITES.items():
        rows = read_rows(os.path.join(folder, site, "cohort.csv"))
        verdicts = [row["verdict"] for row in rows]
        worse = sum(verdicts.count(name) for name in ("moderate_npdr", "severe_npdr", "pdr"))
        counts = [len(rows), verdicts.count("nodr"), verdicts.count("mild_npdr"), worse, verdicts.count("abstained")]
        lines.append(f"| {words} | " + " | ".join(map(str, [*counts, len(rows) - sum(counts[1:])])) + " |")
    return "\n".join(lines)


def main():
    folder, labels_csv, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
    ours, other = Predictions(folder, GRADER), Predictions(folder, BASELINE)
    assert ours.names == other.names
    facts = {row["file"]: row for row in read_rows(labels_csv)}
    known = [facts[name.split("/", 1)[1]] for name in ours.names]
    kept = ours.p.max(2) >= limit
    right = (ours.p.argmax(2) == ours.labels)[kept].mean()
    risks = np.array([int(row["dme_risk"]) for row in known])
    area_risk, hits_risk = oedema(ours.rows, risks)
    confusion = sum(confusion_of(p, ours.labels) for p in ours.p) / len(ours.p)
    print(f"""## Cross-validated

IDRiD's training set in five folds over its groups (a photograph and its duplicate in one fold), {"once" if len(ours.p) == 1 else f"{len(ours.p)} times with other folds"}. The photographs whose
lesion masks taught the probe are in every training part and are tested nowhere: {len(ours.names)} of 412 photographs are, grades 0 to 4
{", ".join(map(str, np.bincount(ours.labels, minlength=5)))}. Heads and temperature are set inside each training part. The plain baseline is logistic regression on the same
frozen network's features of the cropped photograph at 224 px, on the same folds. Means over the repeats; 95 % bootstrap intervals over groups
({RESAMPLES} resamples), paired for the differences. The normalisation, the pooling and its weight were chosen by looking at half of this same set
at 320 px; size, shrinkage and network after an earlier look at all of it: the numbers flatter a little.

{table(ours, other, [row["group"] for row in known])}

Oedema risk: AUC {area_risk:.3f}, accuracy {hits_risk:.3f} (the most frequent class alone: {np.bincount(risks).max() / len(risks):.3f}). Above a confidence of {limit}, below which it
abstains, lie {kept.mean():.0%} of the photographs; {right:.3f} of these are graded right.

Confusion (rows: truth 0 to 4, columns: said; mean of the repeats):

| | 0 | 1 | 2 | 3 | 4 |
|---|---|---|---|---|---|""")
    for grade, row in enumerate(confusion):
        print(f"| {grade} |", " | ".join(f"{count:.1f}" for count in row), "|")
    print(f"""
## On other cameras

What it says of photographs whose grades nobody wrote down, quality gate and abstention on:

{other_cameras(sys.argv[4])}

## What it is not

- Assessed on another hospital's graded photographs: it has learnt from one camera. Lesions and vessels are seen after light and colours were
  made equal, which is why it may hold elsewhere; how far is not known.
- Able to find mild retinopathy: grade 1 has 20 photographs, and hardly any of them is found.
- A measure of lesions: the probe was taught on 42 photographs and serves the grade alone.
- The official IDRiD test set was not touched.""")


if __name__ == "__main__":
    main()
