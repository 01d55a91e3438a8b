"""Splits and table of the recipe mil-fundus. Usage: mil_fundus.py splits WORK DATA | tables WORK DATA RESULTS"""
import os
import sys

import numpy as np
from PIL import Image

import bag_statistics as stats

SIDE, TILE = 832, 96
FOLDS, VALIDATION_SHARE = 5, 0.15
ANY, LARGE = 0.001, 0.01
BASELINE, PLAIN = "logistic regression", "ce-abmil"
ROWS = ("ce-mean", "ce-max", PLAIN, "ce-transmil", "ce-dsmil", "ce-clam_sb", "scmil-abmil", "scmil-transmil", "scmil-dsmil",
        "scmil-clam_sb", "mhim-abmil", "mhim-transmil", "mhim-dsmil", "ins")
LESIONS = ("microaneurysms", "haemorrhages", "hard_exudates", "soft_exudates")


def photographs(work, data):
    """Name, group, truth (1: referable, grade 2 or more) and segmentation name of every photograph that was encoded: `encode`
    takes the darkest for fluorescence and refuses them."""
    return [{"name": row["file"].split(".")[0], "group": row["group"], "truth": int(int(row["dr_grade"]) >= 2),
             "segmentation": row["segmentation_image"]}
            for row in stats.read_rows(os.path.join(data, "fundus_dr", "idrid", "labels.csv"))
            if os.path.exists(os.path.join(work, "bags", "squeezenet1.1", "h5_files", row["file"].split(".")[0] + ".h5"))]


def parts(work, data):
    """The photographs to compare methods on, and those with lesion masks; a group of the second is not in the first."""
    rows = photographs(work, data)
    segmented = [row for row in rows if row["segmentation"]]
    kept_apart = {row["group"] for row in segmented}
    return [row for row in rows if row["group"] not in kept_apart], segmented


def make_splits(work, data):
    development, segmented = parts(work, data)
    for name, rows in (("labels", development), ("segmented", segmented)):
        stats.write_rows(os.path.join(work, name + ".csv"),
                         [{"case_id": row["group"], "slide_id": row["name"],
                           "label": "referable" if row["truth"] else "not_referable"} for row in rows])
    truth_of = {}
    for row in development:
        truth_of[row["group"]] = max(row["truth"], truth_of.get(row["group"], 0))
    random = np.random.default_rng(1)
    fold_of = {}
    for truth in (0, 1):
        groups = random.permutation(sorted(group for group in truth_of if truth_of[group] == truth))
        for i, group in enumerate(groups):
            fold_of[group] = i % FOLDS
    for fold in range(FOLDS):
        validating = set()
        for truth in (0, 1):
            others = sorted(group for group in truth_of if truth_of[group] == truth and fold_of[group] != fold)
            validating.update(random.permutation(others)[:round(VALIDATION_SHARE * len(others))])
        test = [row["name"] for row in development if fold_of[row["group"]] == fold]
        validation = [row["name"] for row in development if row["group"] in validating]
        train = [row["name"] for row in development if row["name"] not in set(test) | set(validation)]
        stats.write_split(os.path.join(work, "splits", f"splits_{fold}.csv"), train, validation, test)


def lesion_shares(work, data, row, corners):
    """Share of every tile under any lesion, from the masks (1072 px wide) of a photograph (1024 px) prepared to SIDE."""
    shape, union = None, None
    for lesion in LESIONS:
        path = os.path.join(data, "retina_seg", "idrid", lesion, row["segmentation"] + ".png")
        if os.path.exists(path):
            mask = np.array(Image.open(path).convert("L")) > 0
            union = mask if union is None else union | mask
    quality = next(other for other in stats.read_rows(os.path.join(work, "photographs", "quality.csv"))
                   if other["case"] == row["name"])
    box = [float(quality["box_" + key]) for key in ("x", "y", "width", "height")]
    to_mask = union.shape[1] / float(quality["width"])
    side = max(box[2:])
    left, top = box[0] - (side - box[2]) / 2, box[1] - (side - box[3]) / 2
    sums = np.zeros((union.shape[0] + 1, union.shape[1] + 1))
    sums[1:, 1:] = union.cumsum(axis=0).cumsum(axis=1)
    shares = []
    for x, y in corners:
        x0, x1 = (np.clip(round((left + at * side / SIDE) * to_mask), 0, union.shape[1]) for at in (x, x + TILE))
        y0, y1 = (np.clip(round((top + at * side / SIDE) * to_mask), 0, union.shape[0]) for at in (y, y + TILE))
        area = (TILE * side / SIDE * to_mask) ** 2
        shares.append((sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]) / area)
    return np.array(shares)


class Measured:
    """Of one row of the table: out-of-fold probabilities [seeds, photographs]; for every trained network the recall and the tile
    scores of the photographs with masks."""

    def __init__(self, scores, recalls, tiles):
        self.scores, self.recalls, self.tiles = np.array(scores), np.array(recalls), tiles


def measure_baseline(bags, folds, development, segmented):
    features = stats.mean_features(bags, [row["name"] for row in development])
    truth = np.array([row["truth"] for row in development])
    groups = np.array([row["group"] for row in development])
    segmented_features = stats.mean_features(bags, [row["name"] for row in segmented])
    scores, recalls, tiles = np.zeros(len(truth)), [], []
    for fold in range(FOLDS):
        inner = folds != fold
        model = stats.fit_baseline(features[inner], truth[inner], groups[inner])
        scores[~inner] = model.predict(features[~inner])
        recalls.append(np.mean(model.predict(segmented_features) >= 0.5))
        tiles.append([model.predict(stats.read_bag(bags, row["name"])[0]) for row in segmented])
    return Measured([scores], recalls, tiles)


def measure_run(run, seeds, development, segmented):
    scores, recalls, tiles = [], [], []
    for seed in seeds:
        said = stats.probabilities(os.path.join(run, seed, "predictions.csv"), "referable")
        scores.append([said[row["name"]] for row in development])
        for fold in range(FOLDS):
            predicted = os.path.join(run, seed, f"segmented_{fold}")
            said = stats.probabilities(os.path.join(predicted, "predictions.csv"), "referable")
            recalls.append(np.mean([said[row["name"]] >= 0.5 for row in segmented]))
            tiles.append([stats.tile_scores(predicted, row["name"]) for row in segmented])
    return Measured(scores, recalls, tiles)


def tile_measures(measured, shares, threshold):
    """Per network: AUC of each photograph's tiles, whether its best tile holds a lesion, and the AUC of all tiles together."""
    truths = [share > threshold for share in shares]
    own = np.array([[stats.auc(score, truth)[0] for score, truth in zip(scores, truths)] for scores in measured.tiles])
    hits = np.array([[truth[np.argmax(score)] for score, truth in zip(scores, truths)] for scores in measured.tiles])
    pooled = [stats.auc(np.concatenate(scores), np.concatenate(truths))[0] for scores in measured.tiles]
    return own, hits, np.array(pooled)


def mean_where_defined(values, counts):
    """Mean of the defined values [photographs] in every resample [R, photographs]."""
    known = np.isfinite(values)
    return (counts[:, known] @ values[known]) / counts[:, known].sum(axis=1)


def rows_of_encoder(work, data, encoder, folds, development, segmented):
    truth = np.array([row["truth"] for row in development])
    counts = np.vstack([np.ones(len(truth)), stats.resample_counts([row["group"] for row in development], folds)])
    segmented_counts = np.vstack([np.ones(len(segmented)), stats.resample_counts([row["group"] for row in segmented])])
    bags, runs = os.path.join(work, "bags", encoder), os.path.join(work, "runs", encoder)
    shares = [lesion_shares(work, data, row, stats.read_bag(bags, row["name"])[1]) for row in segmented]
    found = {BASELINE: measure_baseline(bags, folds, development, segmented)}
    for name in ROWS:
        if seeds := stats.finished(os.path.join(runs, name)):
            found[name] = measure_run(os.path.join(runs, name), seeds, development, segmented)
    rows, aucs, tile_aucs = [], {}, {}
    for name, measured in found.items():
        by_fold = np.array([[stats.auc(scores[folds == fold], truth[folds == fold], counts[:, folds == fold])
                             for fold in range(FOLDS)] for scores in measured.scores])
        aucs[name] = by_fold.mean(axis=(0, 1))
        decided = [stats.decided(scores, truth) for scores in measured.scores]
        own, hits, pooled = tile_measures(measured, shares, ANY)
        _, hits_large, pooled_large = tile_measures(measured, shares, LARGE)
        tile_aucs[name] = mean_where_defined(own.mean(axis=0), segmented_counts)
        pointing = mean_where_defined(hits.mean(axis=0), segmented_counts)
        row = {"encoder": encoder, "method": name, "seeds": len(measured.scores), "networks": len(measured.tiles),
               "auc": stats.with_interval(aucs[name][0], aucs[name][1:]), "sd": f"{by_fold[:, :, 0].std(ddof=1):.3f}",
               "auc_against_ce": "", "auc_against_baseline": ""}
        for key in ("macro_f1", "balanced_accuracy", "recall_negative", "recall_positive"):
            row[key] = f"{np.mean([one[key][0] for one in decided]):.3f}"
        row |= {"segmented_recall": f"{measured.recalls.mean():.3f}",
                "tile_auc": stats.with_interval(tile_aucs[name][0], tile_aucs[name][1:]),
                "tiles_against_ce": "", "tiles_against_baseline": "",
                "tile_auc_pooled": f"{pooled.mean():.3f} ± {pooled.std(ddof=1):.3f}",
                "tile_auc_large": f"{pooled_large.mean():.3f} ± {pooled_large.std(ddof=1):.3f}",
                "pointing": stats.with_interval(pointing[0], pointing[1:]), "pointing_large": f"{hits_large.mean():.3f}"}
        rows.append(row)
    for row in rows:
        for key, other in (("ce", PLAIN), ("baseline", BASELINE)):
            if other in found and row["method"] != other:
                row["auc_against_" + key] = stats.against(aucs[row["method"]], aucs[other])
                row["tiles_against_" + key] = stats.against(tile_aucs[row["method"]], tile_aucs[other])
    return rows, shares


def make_table(work, data, results):
    development, segmented = parts(work, data)
    fold_of = {name: fold for fold in range(FOLDS)
               for name in stats.read_split(os.path.join(work, "splits", f"splits_{fold}.csv"))[2]}
    folds = np.array([fold_of[row["name"]] for row in development])
    rows = []
    for encoder in ("resnet50v2", "squeezenet1.1"):
        if os.path.exists(os.path.join(work, "bags", encoder + ".done")):
            of_encoder, shares = rows_of_encoder(work, data, encoder, folds, development, segmented)
            rows += of_encoder
    chance = {threshold: np.mean([np.mean(share > threshold) for share in shares]) for threshold in (ANY, LARGE)}
    stats.write_rows(os.path.join(results, "mil-fundus.csv"), rows)
    given = len(stats.read_rows(os.path.join(data, "fundus_dr", "idrid", "labels.csv")))
    write_page(os.path.join(results, "mil-fundus.md"), rows, development, segmented, chance, given, len(photographs(work, data)))


def write_page(path, rows, development, segmented, chance, given, encoded):
    referable = sum(row["truth"] for row in development)
    titled = [("encoder", "encoder"), ("method", "method")]
    text = f"""# Photographs of the eye as bags of tiles

Written by `resources/recipes/mil-fundus`. IDRiD [porwal2018], CC BY 4.0, as described in the data's `PROVENANCE.md`; "referable" is
grade 2 or more. Photographs cut to the field of view and brought to {SIDE} px, tiles of {TILE} px that overlap by a third, features of two
ImageNet encoders (SqueezeNet 1.1: its 1000 outputs, tile enlarged to 160 px; ResNet-50 v2 cut after stage 3: 1024 features, 128 px). Of the {given}
photographs the darkest {given - encoded} are left out: `tessera encode` takes them for fluorescence and refuses them.

- **Comparison of methods:** {len(development)} photographs ({referable} referable), {FOLDS} folds, stratified, photographs of one `group` in one
  fold, of the rest 15 % choose the epoch (AUC). Embedding 64; nothing tuned here, rates and epochs as in `mil-benchmarks`, constant, weight decay
  0.00001: cross-entropy and MHIM Adam 0.0005, a bag a step, 30 epochs; SC-MIL Adam 0.002, 16 bags a step, 60 epochs; INS its own SGD 0.001
  (0.01 leaves no unit alive on features of this size), 10 epochs of all tiles. AUC: mean over folds and seeds; its 95 % interval from
  {stats.RESAMPLES} resamples of groups within folds; SD: over folds and seeds. Decisions at a probability of one half.
- **Photographs with lesion masks:** the {len(segmented)} that are in both sets (all of them referable, so they have a recall but no AUC) train
  nothing. Every network of every fold and seed scores their tiles. A tile is positive where microaneurysms, haemorrhages, hard or soft
  exudates cover more than {ANY:.1%} of it (some 10 px: one microaneurysm; {chance[ANY]:.0%} of the tiles), in brackets "large" {LARGE:.0%}
  ({chance[LARGE]:.0%} of the tiles). Tile AUC: mean of photographs, mean of networks, interval from resamples of photographs; pooled: all tiles of all
  photographs, mean and SD of the networks. Pointing: share of photographs whose best tile is positive (chance is the share of positive
  tiles).
- **Plain baseline:** logistic regression on mean-pooled features, L2 chosen by five inner folds of the training part (which the
  baseline's one seed has with the validation part); its tile score is the regression applied to the tile.
- **Against:** difference and two-sided p of a paired bootstrap, same resamples for both sides, not corrected for the number of rows.

## Photographs

{stats.markdown(rows, titled + [("seeds", "seeds"), ("auc", "AUC (95 %)"), ("sd", "SD"), ("auc_against_ce", "AUC less " + PLAIN),
                                ("auc_against_baseline", "AUC less baseline"), ("balanced_accuracy", "balanced accuracy"),
                                ("macro_f1", "macro-F1"), ("recall_negative", "recall not referable"),
                                ("recall_positive", "recall referable"), ("segmented_recall", f"recall of the {len(segmented)}")])}

## Tile scores against lesion masks ({len(segmented)} photographs)

{stats.markdown(rows, titled + [("networks", "networks"), ("tile_auc", "tile AUC (95 %)"), ("tiles_against_ce", "less " + PLAIN),
                                ("tiles_against_baseline", "less baseline"), ("tile_auc_pooled", "pooled"), ("tile_auc_large", "pooled, large"),
                                ("pointing", "pointing (95 %)"), ("pointing_large", "pointing, large")])}
"""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    command, work, data = sys.argv[1:4]
    if command == "splits":
        make_splits(work, data)
    else:
        make_table(work, data, sys.argv[4])


main()
