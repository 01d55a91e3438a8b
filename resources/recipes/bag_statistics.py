"""What the recipes on real images need beside the tessera command: bags, the plain baseline, metrics, intervals, paired tests."""
import csv
import os

import h5py
import numpy as np

RESAMPLES = 1000
STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(path + ".part", path)


def write_split(path, train, validation, test):
    """CLAM's splits_k.csv."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    lines = [",train,val,test"]
    for i in range(max(len(train), len(validation), len(test))):
        cells = [part[i] if i < len(part) else "" for part in (train, validation, test)]
        lines.append(",".join([str(i)] + cells))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def read_split(path):
    rows = read_rows(path)
    return [[row[part] for row in rows if row[part]] for part in ("train", "val", "test")]


def read_bag(folder, name):
    """Features [N, D] and corners [N, 2] of one bag."""
    with h5py.File(os.path.join(folder, "h5_files", name + ".h5"), "r") as file:
        return file["features"][:].astype(np.float64), file["coords"][:].astype(np.int64)


def mean_features(folder, names):
    return np.array([read_bag(folder, name)[0].mean(axis=0) for name in names])


def probabilities(path, positive):
    """Probability of the class `positive` by id, of a predictions.csv."""
    return {row["id"]: float(row["probability_" + positive]) for row in read_rows(path)}


class Logistic:
    """Logistic regression with an L2 penalty on standardised features; Newton's steps in the span of the training rows."""

    def __init__(self, features, labels, strength, weights=None):
        self.mean, self.scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        weights = np.ones(len(labels)) if weights is None else weights
        _, values, basis = np.linalg.svd((features - self.mean) / self.scale, full_matrices=False)
        basis = basis[values > 1e-8 * values[0]]
        rows = np.hstack([((features - self.mean) / self.scale) @ basis.T, np.ones((len(labels), 1))])
        penalty = np.append(np.full(len(basis), strength), 1e-6)
        solution = np.zeros(rows.shape[1])

        def loss(at):
            score = rows @ at
            return (weights * (np.logaddexp(0, score) - labels * score)).sum() + 0.5 * (penalty * at * at).sum()

        for _ in range(50):
            p = 1 / (1 + np.exp(-rows @ solution))
            gradient = rows.T @ (weights * (p - labels)) + penalty * solution
            step = np.linalg.solve((rows * (weights * p * (1 - p))[:, None]).T @ rows + np.diag(penalty), gradient)
            size = 1.0
            while size > 1e-6 and loss(solution - size * step) > loss(solution):
                size /= 2
            solution = solution - size * step
            if np.abs(size * step).max() < 1e-7:
                break
        self.weights, self.bias = basis.T @ solution[:-1], solution[-1]

    def predict(self, features):
        return 1 / (1 + np.exp(-(((features - self.mean) / self.scale) @ self.weights + self.bias)))


def fit_baseline(features, labels, groups, balanced=False):
    """The penalty with the least log loss over five inner folds of the training rows (whole groups), then a fit on all of them."""
    names = sorted(set(groups))
    fold_of = {name: i % 5 for i, name in enumerate(np.random.default_rng(0).permutation(names))}
    fold = np.array([fold_of[group] for group in groups])

    def weights(chosen):
        share = chosen.mean()
        return np.where(chosen == 1, 0.5 / share, 0.5 / (1 - share)) if balanced else None

    losses = []
    for strength in STRENGTHS:
        total = 0.0
        for k in sorted(set(fold)):
            inner, outer = fold != k, fold == k
            if len(set(labels[inner])) < 2:
                continue
            p = Logistic(features[inner], labels[inner], strength, weights(labels[inner])).predict(features[outer])
            total -= np.log(np.clip(np.where(labels[outer] == 1, p, 1 - p), 1e-9, 1)).sum()
        losses.append(total)
    return Logistic(features, labels, STRENGTHS[int(np.argmin(losses))], weights(labels))


def auc(scores, labels, weights=None):
    """Rank statistic, ties counted half, for each row of `weights` [R, N] (how often a resample holds each bag); nan where a class is missing."""
    labels = np.asarray(labels, dtype=float)
    weights = np.ones((1, len(labels))) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(np.asarray(scores)[order], prepend=-np.inf))
    positive = np.add.reduceat((weights * labels)[:, order], starts, axis=1)
    negative = np.add.reduceat((weights * (1 - labels))[:, order], starts, axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    won = (positive * (negative.cumsum(axis=1) - negative / 2)).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def decided(scores, labels, weights=None):
    """Balanced accuracy, macro-F1 and the recalls of both classes at a probability of one half, each [R] as in `auc`."""
    said, labels = np.asarray(scores) >= 0.5, np.asarray(labels) == 1
    weights = np.ones((1, len(labels))) if weights is None else weights
    recalls, f1 = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for wanted in (False, True):
            hits = weights @ ((said == wanted) & (labels == wanted))
            present, claimed = weights @ (labels == wanted), weights @ (said == wanted)
            recalls.append(hits / present)
            f1.append(2 * hits / (present + claimed))
    return {"balanced_accuracy": (recalls[0] + recalls[1]) / 2, "macro_f1": (f1[0] + f1[1]) / 2,
            "recall_negative": recalls[0], "recall_positive": recalls[1]}


def resample_counts(groups, strata=None, seed=0):
    """How often each of RESAMPLES draws holds each row [R, N]: whole groups drawn with replacement, within each stratum."""
    random = np.random.default_rng(seed)
    groups = np.asarray(groups)
    strata = np.zeros(len(groups), int) if strata is None else np.asarray(strata)
    weights = np.zeros((RESAMPLES, len(groups)))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        names, place = np.unique(groups[rows], return_inverse=True)
        weights[:, rows] = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)[:, place]
    return weights


def resamples(groups, seed=0):
    """The same draws without strata, as row indices."""
    return [np.repeat(np.arange(len(groups)), row.astype(int)) for row in resample_counts(groups, seed=seed)]


def interval(draws):
    draws = np.asarray(draws)[np.isfinite(draws)]
    return np.percentile(draws, [2.5, 97.5])


def paired_p(differences):
    """Two-sided p of no difference, from the same resamples of both sides."""
    differences = np.asarray(differences)[np.isfinite(differences)]
    below = (np.sum(differences <= 0) + 1) / (len(differences) + 1)
    above = (np.sum(differences >= 0) + 1) / (len(differences) + 1)
    return min(1.0, 2 * min(below, above))


def with_interval(value, draws):
    low, high = interval(draws)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def against(values, others):
    """Difference of two values and the p of a paired bootstrap; both [1 + R], the value itself first."""
    return f"{values[0] - others[0]:+.3f}, p {paired_p(values[1:] - others[1:]):.3f}"


def finished(folder):
    """Names of the runs in a folder that ended, in order."""
    if not os.path.isdir(folder):
        return []
    return sorted(name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name, "done")))


def tile_scores(folder, name):
    """Scores of a bag's tiles, in the bag's order, as `tessera mil predict --tile-scores` wrote them: the last column."""
    with open(os.path.join(folder, "tiles", name + ".csv"), newline="", encoding="utf-8") as file:
        return np.array([float(row[-1]) for row in list(csv.reader(file))[1:]])


def markdown(rows, columns):
    """A table of `columns` (key, title) of the rows."""
    lines = ["| " + " | ".join(title for _, title in columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(str(row[key]) for key, _ in columns) + " |")
    return "\n".join(lines)
