"""Runs our side (tessera_bench) and the peer in turn and compares medians. Called by tests/bench/compare."""
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BENCH = os.path.join(ROOT, "build", "release", "tests", "tessera_bench")
TESSERA = os.path.join(ROOT, "build", "release", "bin", "tessera")
DATA = os.environ.get("TESSERA_DATA", os.path.join(ROOT, "..", "shared", "data"))
WORK = os.path.join(ROOT, "build", "bench")
ROUNDS = 5

# name: (target ratio, ours / peer or ours / limit, what the peer is)
TARGETS = {
    "abmil-infer": (0.9, "at most", "PyTorch eager, same operations"),
    "bag-read": (1.3, "at most", "plain read of the file's bytes"),
    "tiles-threads": (1.8, "at least", "one decode worker"),
    "encode": (0.65, "at most", "un-optimised module in PyTorch fed by openslide-python"),
}
LATER = {
    "tiles": "imaging in depth", "analyze-memory": "imaging in depth", "mhim-abmil": "multiple-instance learning",
    "mhim-transmil": "multiple-instance learning", "retina-infer": "retina", "retina-train": "retina",
    "adapt-step": "segmentation", "segment-infer": "segmentation", "pan": "studio",
}


def run(command):
    """Runs one side; its last output line is {"seconds": one per repetition, "work": what one repetition did}."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{os.path.basename(command[0])} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def peer(name, *arguments):
    return ["/usr/bin/python3", os.path.join(ROOT, "tests", "bench", "peers.py"), name, *arguments]


def need_slide():
    slide = os.path.join(DATA, "wsi", "CMU-1-Small-Region.svs")
    if not os.path.exists(slide):
        sys.exit(f"{slide}: not there; set TESSERA_DATA to the folder with the test data")
    return slide


def sides(name):
    os.makedirs(WORK, exist_ok=True)
    if name == "abmil-infer":
        return [BENCH, "abmil-infer"], peer("abmil-infer")
    if name == "bag-read":
        bag = os.path.join(WORK, "bag.h5")
        if not os.path.exists(bag):
            run([BENCH, "bag-write", bag])
        return [BENCH, "bag-read", bag], [BENCH, "file-read", bag]
    if name == "tiles-threads":
        slide = need_slide()
        return [BENCH, "tiles", slide, "2"], [BENCH, "tiles", slide, "1"]
    if name == "encode":
        slide = need_slide()
        weights = os.path.join(DATA, "weights", "resnet50v2_trunc1024_imagenet.ts.pt")
        package = os.path.join(WORK, "resnet50v2")
        if not os.path.exists(package):
            subprocess.run([TESSERA, "model", "pack", weights, "--out", package, "--name", "resnet50v2",
                            "--patch-size", "224", "--mpp", "0.5"], check=True, stdout=sys.stderr)
        return [BENCH, "encode", slide, package], peer("encode", slide, weights)
    sys.exit(f"unknown comparison '{name}'")


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help", "--list"):
        print("names:", ", ".join(TARGETS))
        print("later:", ", ".join(f"{name} ({issue} issue)" for name, issue in LATER.items()))
        return 0 if len(sys.argv) == 2 else 2
    name = sys.argv[1]
    if name in LATER:
        print(f"{name}: arrives with the {LATER[name]} issue", file=sys.stderr)
        return 2
    if name not in TARGETS:
        print(f"unknown comparison '{name}'; names: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    target, sense, what = TARGETS[name]
    ours_command, peer_command = sides(name)
    cpus = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cpus)  # both sides, their decode threads included, share the same two
    rows, work = [], None
    for _ in range(ROUNDS):
        ours, theirs = run(ours_command), run(peer_command)
        work = ours["work"]
        if work != theirs["work"]:
            sys.exit(f"{name}: the sides did not do the same: {work} here, {theirs['work']} there")
        rows.append((statistics.median(ours["seconds"]), statistics.median(theirs["seconds"])))
    print(f"{name}: tessera against {what}; {work} each; {ROUNDS} interleaved rounds, medians in ms, "
          f"{len(cpus)} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"{'round':>6} {'tessera':>12} {'peer':>12} {'ratio':>8}")
    for number, (ours, theirs) in enumerate(rows, 1):
        print(f"{number:>6} {ours * 1e3:>12.2f} {theirs * 1e3:>12.2f} {ours / theirs:>8.3f}")
    ratios = [theirs / ours if sense == "at least" else ours / theirs for ours, theirs in rows]
    print(f"target: {sense} {target}" + (" times the peer's rate" if sense == "at least" else " of the peer's time"))
    print(f"ratio {statistics.median(ratios):.3f} target {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
