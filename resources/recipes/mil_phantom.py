"""Splits and tables of the recipe mil-phantom. Usage: mil_phantom.py splits WORK SEED ... | choose FOLDER | tables WORK RESULTS"""
import itertools
import json
import os
import sys

import numpy as np

import bag_statistics as stats

TRAINING, VALIDATION = 40, 12
RATIOS = (1, 5, 10, 20)
DOMAINS = ("seen", "unseen")
MHIM_BASES = ("abmil", "transmil", "dsmil")
EXPLAINED = ("base-mean", "base-max", "base-abmil", "base-transmil", "base-dsmil", "base-clam_sb", "base-clam_mb", "ins")
INTRODUCTION = f"""# Methods compared on synthetic slides

Written by `resources/recipes/mil-phantom`. Synthetic slides of `tessera phantom cohort`, half of them with a tumour of .5 to 2 % of the tissue, some 110
tiles a slide, features of the bundled `phantom-tissue-encoder`. Per seed another draw of {TRAINING} normal and {TRAINING} tumour slides to train on (fewer
with tumour at a ratio above 1, a smaller draw being part of the larger) and {VALIDATION} of each that choose the epoch; the seed also draws first weights
and order. Two cohorts test: one of the training slides' scanner domain ("seen"), one of another ("unseen"); no slide of theirs trains anything.

- Learning rates are chosen for each method and base by the validation AUC of a draw that no result uses (at ratio 10 for the imbalance).
- Cells: mean ± sample deviation over seeds. Differences: mean over seeds, 95 % interval from {stats.RESAMPLES} resamples of slides and seeds, two-sided p of the
  exact signed-rank test over seeds (with five seeds never below .062, with six never below .031), Holm's correction within a table.
- Tile AUC: tile scores against "holds tumour". Deletion, insertion: area under the tumour's probability while tiles go, or come, highest score
  first (lower and higher are better); "random" is the same in random order.
"""
BASELINES = ("plain", "weighted", "focal", "balanced")


def make_splits(work, seeds):
    """Per seed another draw of slides; a ratio takes slides with tumour from the training part alone, a larger one from a smaller one."""
    labels = stats.read_rows(os.path.join(work, "training-cohort", "labels.csv"))
    for seed in seeds:
        random = np.random.default_rng(seed)
        drawn = {label: list(random.permutation([row["slide_id"] for row in labels if row["label"] == label]))
                 for label in ("normal", "tumour")}
        validation = [slide for label in drawn for slide in drawn[label][:VALIDATION]]
        for ratio in RATIOS:
            kept = {"normal": TRAINING, "tumour": TRAINING // ratio}
            train = [slide for label in drawn for slide in drawn[label][VALIDATION:VALIDATION + kept[label]]]
            stats.write_split(os.path.join(work, "splits", f"ratio-{ratio}", f"{seed}.csv"), train, validation, [])


def choose_rate(folder):
    """The sub-folder, named by its learning rate, with the best mean validation AUC of its runs; the lower loss among equals."""
    scores = {}
    for rate in sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()):
        values = []
        for seed in os.listdir(os.path.join(folder, rate)):
            curve = stats.read_rows(os.path.join(folder, rate, seed, "curves.csv"))
            values.append(max((float(row["validation_auc"]), -float(row["validation_loss"])) for row in curve))
        scores[rate] = tuple(np.mean(values, axis=0))
    return max(scores, key=scores.get)


def wilcoxon(differences):
    """Two-sided p of the signed-rank test, exact: every assignment of signs is counted. Zeros are left out."""
    differences = np.array([value for value in differences if value != 0])
    if len(differences) == 0:
        return 1.0
    size = np.abs(differences)
    _, place, counts = np.unique(size.round(12), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    middle = ranks.sum() / 2
    extreme = abs(ranks[differences > 0].sum() - middle) - 1e-9
    sums = np.array([np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=len(ranks))])
    return float(np.mean(np.abs(sums - middle) >= extreme))


def holm(values):
    """Holm's step-down correction of p values."""
    order, corrected, largest = np.argsort(values), [0.0] * len(values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[i]))
        corrected[i] = largest
    return corrected


class Runs:
    """What was measured, by name of the run, seed and domain."""

    def __init__(self, work):
        self.rows, self.probabilities = {}, {}
        self.truth = {}
        for domain in DOMAINS:
            labels = stats.read_rows(os.path.join(work, domain + "-cohort", "labels.csv"))
            self.truth[domain] = {row["slide_id"]: int(row["label"] == "tumour") for row in labels}
        folder = os.path.join(work, "runs")
        for name in sorted(os.listdir(folder)):
            for seed in sorted(os.listdir(os.path.join(folder, name)), key=int):
                if os.path.exists(os.path.join(folder, name, seed, "done")):
                    self.read(os.path.join(folder, name, seed), name, int(seed))
        slides = {domain: sorted(self.truth[domain]) for domain in DOMAINS}
        self.counts = {domain: np.array([np.bincount(draw, minlength=len(slides[domain])) for draw in stats.resamples(slides[domain])])
                       for domain in DOMAINS}
        self.draws = {}

    def read(self, folder, name, seed):
        for domain in DOMAINS:
            with open(os.path.join(folder, domain, "metrics.json"), encoding="utf-8") as file:
                measured = json.load(file)
            metrics, tiles, areas = measured["metrics"], measured["tile_auc"], measured["deletion"]
            self.rows[name, seed, domain] = {
                "auc": metrics["auc"], "macro_f1": metrics["macro_f1"], "balanced_accuracy": metrics["balanced_accuracy"],
                "recall_normal": metrics["recalls"]["normal"], "recall_tumour": metrics["recalls"]["tumour"],
                "tile_auc_pooled": tiles["pooled"], "tile_auc_mean": tiles["mean"],
                **{key: areas[key] for key in ("deletion", "random_deletion", "insertion", "random_insertion")}}
            found = stats.probabilities(os.path.join(folder, domain, "predictions.csv"), "tumour")
            self.probabilities[name, seed, domain] = np.array([found[slide] for slide in sorted(self.truth[domain])])

    def seeds(self, *names):
        return sorted(set.intersection(*({seed for other, seed, _ in self.rows if other == name} for name in names)))

    def values(self, name, domain, key, seeds=None):
        return np.array([self.rows[name, seed, domain][key] for seed in seeds or self.seeds(name)], float)

    def resampled(self, name, seed, domain, key):
        """`key` of one run for every resample of the domain's slides."""
        if (name, seed, domain) not in self.draws:
            truth = np.array([self.truth[domain][slide] for slide in sorted(self.truth[domain])]) == 1
            scores, counts = self.probabilities[name, seed, domain], self.counts[domain]
            wins = np.sign(scores[truth][:, None] - scores[~truth][None, :]) / 2 + 0.5
            positive, negative = counts[:, truth], counts[:, ~truth]
            area = ((positive @ wins) * negative).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
            said, f1 = scores >= 0.5, []
            for wanted in (False, True):
                hits = counts[:, (said == wanted) & (truth == wanted)].sum(axis=1)
                f1.append(2 * hits / (counts[:, said == wanted].sum(axis=1) + counts[:, truth == wanted].sum(axis=1)))
            self.draws[name, seed, domain] = {"auc": area, "macro_f1": np.mean(f1, axis=0)}
        return self.draws[name, seed, domain][key]

    def difference(self, name, other, domain, key):
        """Mean of name - other over the seeds, its 95 % interval (slides and seeds resampled), p over the seeds."""
        seeds = self.seeds(name, other)
        differences = self.values(name, domain, key, seeds) - self.values(other, domain, key, seeds)
        result = {"n": len(seeds), "mean": differences.mean(), "p": wilcoxon(differences), "interval": None}
        if key in ("auc", "macro_f1"):
            draws = np.array([self.resampled(name, seed, domain, key) - self.resampled(other, seed, domain, key) for seed in seeds])
            chosen = np.random.default_rng(1).integers(len(seeds), size=(len(seeds), draws.shape[1]))
            result["interval"] = stats.interval(np.take_along_axis(draws, chosen, axis=0).mean(axis=0))
        return result


def spread(values):
    values = values[np.isfinite(values)]
    return f"{values.mean():.3f} ± {values.std(ddof=1):.3f}" if len(values) > 1 else f"{values.mean():.3f}"


def told(result):
    interval = result["interval"]
    bounds = "" if interval is None else f" ({interval[0]:+.3f} to {interval[1]:+.3f})"
    return f"{result['mean']:+.3f}{bounds}, p {result['p']:.3f}"


def imbalance_tables(runs):
    text = []
    for domain in DOMAINS:
        rows = []
        for ratio in RATIOS:
            for method in (*BASELINES, "scmil"):
                name = f"imbalance-{ratio}-{method}"
                rows.append({"ratio": ratio, "method": method, "seeds": len(runs.seeds(name)),
                             **{key: spread(runs.values(name, domain, key))
                                for key in ("macro_f1", "balanced_accuracy", "auc", "recall_normal", "recall_tumour")}})
        text.append(f"**{domain.capitalize()} domain**\n\n" + stats.markdown(rows, [
            ("ratio", "ratio"), ("method", "method"), ("seeds", "seeds"), ("macro_f1", "macro-F1"),
            ("balanced_accuracy", "balanced accuracy"), ("auc", "AUROC"), ("recall_normal", "recall normal"),
            ("recall_tumour", "recall tumour")]))
    for key, title in (("macro_f1", "macro-F1"), ("auc", "AUROC")):
        for domain in DOMAINS:
            results = {(ratio, other): runs.difference(f"imbalance-{ratio}-scmil", f"imbalance-{ratio}-{other}", domain, key)
                       for ratio in RATIOS for other in BASELINES}
            corrected = dict(zip(results, holm([result["p"] for result in results.values()])))
            rows = [{"ratio": ratio, **{other: told(results[ratio, other]) + f", Holm {corrected[ratio, other]:.3f}"
                                        for other in BASELINES}} for ratio in RATIOS]
            text.append(f"**SC-MIL less the baseline: {title}, {domain} domain**\n\n" +
                        stats.markdown(rows, [("ratio", "ratio"), *((other, "- " + other) for other in BASELINES)]))
    return "\n\n".join(text)


def row_of(title, name, runs, domain, keys):
    return {"name": title, "seeds": len(runs.seeds(name)), **{key: spread(runs.values(name, domain, key)) for key in keys}}


def mhim_tables(runs):
    text = []
    for domain in DOMAINS:
        rows = []
        for base in MHIM_BASES:
            for method, name in (("cross-entropy", "base-" + base), ("MHIM", "mhim-" + base)):
                rows.append({"base": base, **row_of(method, name, runs, domain, ("auc", "macro_f1", "tile_auc_pooled", "tile_auc_mean"))})
        text.append(f"**{domain.capitalize()} domain**\n\n" + stats.markdown(rows, [
            ("base", "base"), ("name", "method"), ("seeds", "seeds"), ("auc", "AUROC"), ("macro_f1", "macro-F1"),
            ("tile_auc_pooled", "tile AUC, pooled"), ("tile_auc_mean", "tile AUC, mean of slides")]))
    rows = [{"base": base, "domain": domain,
             **{key: told(runs.difference("mhim-" + base, "base-" + base, domain, key)) for key in ("auc", "macro_f1", "tile_auc_mean")}}
            for base in MHIM_BASES for domain in DOMAINS]
    text.append("**MHIM less its base**\n\n" + stats.markdown(rows, [
        ("base", "base"), ("domain", "domain"), ("auc", "AUROC"), ("macro_f1", "macro-F1"), ("tile_auc_mean", "tile AUC, mean of slides")]))
    return "\n\n".join(text)


def ins_tables(runs):
    rows = [{"domain": domain, **row_of(title, name, runs, domain, ("tile_auc_pooled", "tile_auc_mean", "auc", "macro_f1"))}
            for domain in DOMAINS for title, name in (("ABMIL's attention", "base-abmil"), ("INS", "ins"))]
    rows += [{"domain": domain, "name": "INS less attention", "seeds": runs.difference("ins", "base-abmil", domain, "auc")["n"],
              **{key: told(runs.difference("ins", "base-abmil", domain, key))
                 for key in ("tile_auc_pooled", "tile_auc_mean", "auc", "macro_f1")}} for domain in DOMAINS]
    return stats.markdown(rows, [("domain", "domain"), ("name", "tile scores of"), ("seeds", "seeds"), ("tile_auc_pooled", "tile AUC, pooled"),
                                 ("tile_auc_mean", "tile AUC, mean of slides"), ("auc", "AUROC of slides"), ("macro_f1", "macro-F1 of slides")])


def explanation_tables(runs):
    text = []
    keys = ("tile_auc_pooled", "tile_auc_mean", "deletion", "random_deletion", "insertion", "random_insertion")
    for domain in DOMAINS:
        rows = [row_of(name.removeprefix("base-"), name, runs, domain, keys) for name in EXPLAINED]
        text.append(f"**{domain.capitalize()} domain**\n\n" + stats.markdown(rows, [
            ("name", "base"), ("seeds", "seeds"), ("tile_auc_pooled", "tile AUC, pooled"), ("tile_auc_mean", "tile AUC, mean of slides"),
            ("deletion", "deletion area"), ("random_deletion", "random"), ("insertion", "insertion area"),
            ("random_insertion", "random")]))
    return "\n\n".join(text)


def write_tables(work, results):
    runs = Runs(work)
    os.makedirs(results, exist_ok=True)
    stats.write_rows(os.path.join(results, "mil-phantom.csv"), [
        {"run": name, "seed": seed, "domain": domain, **{key: f"{value:.6g}" for key, value in row.items()}}
        for (name, seed, domain), row in sorted(runs.rows.items())])
    tables = {"Imbalance": imbalance_tables, "MHIM against its base": mhim_tables, "INS against attention": ins_tables,
              "Explanation": explanation_tables}
    text = "\n\n".join(f"## {title}\n\n{table(runs)}" for title, table in tables.items())
    path = os.path.join(results, "mil-phantom.md")
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(f"{INTRODUCTION}\n{text}\n")
    os.replace(path + ".part", path)


def main():
    command, work = sys.argv[1:3]
    if command == "splits":
        make_splits(work, [int(seed) for seed in sys.argv[3:]])
    elif command == "choose":
        print(choose_rate(work))
    else:
        write_tables(work, sys.argv[3])


main()
