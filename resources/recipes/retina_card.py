"""The measured part of the bundled fundus grader's card. Usage: retina_card.py CROSSVAL_FOLDER"""
import json
import os
import sys

COLUMNS = (("auc", "AUC, one against one"), ("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("kappa", "quadratic kappa"),
           ("ece", "ECE"), ("nll", "negative log-likelihood"), ("referable_auc", "referable AUC"), ("sensitivity", "sensitivity"),
           ("specificity", "specificity"), ("oedema_auc", "oedema AUC"), ("oedema_accuracy", "oedema accuracy"))


def cell(test, name):
    if test.get(name) is None:
        return "not available"
    low, high = test["intervals"].get(name, (None, None))
    return f"{test[name]:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "")


def main():
    with open(os.path.join(sys.argv[1], "metrics.json"), encoding="utf-8") as file:
        runs = json.load(file)["runs"]
    print("## Cross-validated\n")
    print("Five folds over the groups of IDRiD's training set (a photograph and its duplicate in one fold) and over the phantoms; "
          "pooled predictions, 95 % bootstrap intervals over groups. The head is fitted and the temperature chosen inside each fold. "
          "The plain baseline is logistic regression on the same frozen network's features of the cropped photograph at 224 px, its "
          "strength chosen on the same validation part.\n")
    for domain in [runs[0]["target"]]:  # IDRiD; the phantoms are a few of each camera
        rows = {run["method"]: run["test"] for run in runs if run["target"] == domain}
        names = [name for name in ("erm", "logistic regression") if name in rows]
        heads = {"erm": "this grader", "logistic regression": "logistic regression"}
        print(f"{domain}, {rows[names[0]]['cases']} photographs\n")
        print("| |", " | ".join(heads[name] for name in names), "|\n|---|" + "---|" * len(names))
        for key, words in COLUMNS:
            if any(rows[name].get(key) is not None for name in names):
                print(f"| {words} |", " | ".join(cell(rows[name], key) for name in names), "|")
        print()
    confusion = next(run["test"]["confusion"] for run in runs if run["method"] == "erm" and run["target"] == runs[0]["target"])
    print("Confusion (rows: truth 0 to 4, columns: said):\n")
    print("| | 0 | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|---|")
    for grade, row in enumerate(confusion):
        print(f"| {grade} |", " | ".join(str(count) for count in row), "|")


if __name__ == "__main__":
    main()
