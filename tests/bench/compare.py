"""Runs our side (tessera_bench) and the peers in turn and compares medians. Called by tests/bench/compare."""
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BENCH = os.path.join(ROOT, "build", "release", "tests", "tessera_bench")
STUDIO_BENCH = os.path.join(ROOT, "build", "release", "tests", "studio_bench")
TESSERA = os.path.join(ROOT, "build", "release", "bin", "tessera")
DATA = os.environ.get("TESSERA_DATA", os.path.join(ROOT, "..", "shared", "data"))
WORK = os.path.join(ROOT, "build", "bench")
ROUNDS = 5
ENCODE_ROUNDS = 3  # half a minute each

# name: (target ratio, ours / peer or ours / limit, what the peer is)
TARGETS = {
    "abmil-infer": (0.9, "at most", "PyTorch eager, same operations"),
    "mhim-abmil": (0.6, "at most", "PyTorch eager, the official code's operations"),
    "mhim-transmil": (0.6, "at most", "PyTorch eager, the official code's operations"),
    "bag-read": (1.3, "at most", "plain read of the file's bytes"),
    "tiles": (3.5, "at least", "OpenSlide's C API"),
    "tiles-threads": (1.8, "at least", "one decode worker"),
    "phantom-write": (None, "the rate is stated", "the TIFF writer alone, given the same pixels ready"),
    "adapt-step": (1.0, "at most", "PyTorch doing the same"),
    "segment-infer": (0.7, "at most", "PyTorch eager on the same tiles, blended alike"),
    "norm-layer": (None, "the overhead is stated", "plain batch norm in evaluation"),
    "encode": (0.65, "at most", "un-optimised module in PyTorch fed by openslide-python"),
}
MEMORY = "analyze-memory"  # measured alone: no peer, and no rounds
MEMORY_LIMIT_MB, MEMORY_RATIO = 1500, 1.1
SEGMENT_MEMORY = "segment-memory"  # as well
SEGMENT_MEMORY_RATIO = 1.1
PAN = "pan"  # measured against the display's pace: no peer
FIRST_PIXELS_MS, FRAME_MS = 150, 16.7
WIDTHS = ["16", "32", "64", "128"]  # of the U-Net that is compared
# A second thing to hold our side against, in the same table.
LIMITS = {"tiles": (0.9, "at least", "bare libtiff")}
# Comparisons that are made at several sizes: the worst ratio counts.
SIZES = {"mhim-abmil": ["1000", "5000", "20000"], "mhim-transmil": ["5000"]}
LATER = {
    "retina-infer": "retina", "retina-train": "retina",
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


def need_phantom(side):
    """A phantom slide of side x side pixels, 256 x 256 JPEG tiles; kept."""
    slide = os.path.join(WORK, f"phantom-{side}.tiff")
    if not os.path.exists(slide):
        subprocess.run([TESSERA, "phantom", "slide", "--width", str(side), "--height", str(side), "--tumour-fraction",
                        "0.2", "--seed", "3", "--out", slide], check=True, stdout=sys.stderr)
    return slide


def sides(name, size):
    """Our command, the peer's, and the limit's where there is one."""
    os.makedirs(WORK, exist_ok=True)
    if name == "abmil-infer":
        return [BENCH, "abmil-infer"], peer("abmil-infer")
    if name == "bag-read":
        bag = os.path.join(WORK, "clam-bag.h5")
        if not os.path.exists(bag):
            run(peer("bag-write", bag))
        return [BENCH, "bag-read", bag], [BENCH, "file-read", bag]
    if name in SIZES:
        base = name.removeprefix("mhim-")
        return [BENCH, "mhim", base, size], peer("mhim", base, size)
    if name == "adapt-step":
        return [BENCH, name], peer(name)
    if name == "segment-infer":
        return [BENCH, name, "2048", "3", *WIDTHS], peer(name, "2048", "3", *WIDTHS)
    if name == "norm-layer":
        return [BENCH, name, "unmix"], [BENCH, name, "batch"]
    if name == "tiles-threads":
        slide = need_phantom(8192)
        return [BENCH, "tile-stream", slide, "2"], [BENCH, "tile-stream", slide, "1"]
    if name == "tiles":
        slide = need_phantom(8192)
        return [BENCH, "tiles", slide], [BENCH, "tiles-openslide", slide], [BENCH, "tiles-libtiff", slide]
    if name == "phantom-write":
        slide = os.path.join(WORK, "phantom-write.tiff")
        return [BENCH, "phantom-write", slide], [BENCH, "rows-write", slide]
    if name == "encode":
        slide = need_slide()
        weights = os.path.join(DATA, "weights", "resnet50v2_trunc1024_imagenet.ts.pt")
        package = os.path.join(WORK, "resnet50v2")
        if not os.path.exists(package):
            subprocess.run([TESSERA, "model", "pack", weights, "--out", package, "--name", "resnet50v2",
                            "--patch-size", "224", "--mpp", "0.5"], check=True, stdout=sys.stderr)
        return [BENCH, "encode", slide, package], peer("encode", slide, weights)
    sys.exit(f"unknown comparison '{name}'")


def peak_mb(command):
    """Peak memory of one run of the program, in MB."""
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(command, stdout=words, stderr=words)
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            words.seek(0)
            sys.exit(f"{' '.join(command)} failed: {words.read().decode(errors='replace').strip()[-500:]}")
    return usage.ru_maxrss / 1024


def analyze_memory():
    """Peak memory of `tessera analyze` on a slide and on one of four times its area; the phantoms are kept."""
    os.makedirs(WORK, exist_ok=True)
    peaks = {}
    for side in (30000, 60000):
        slide = need_phantom(side)
        with tempfile.TemporaryDirectory(dir=WORK) as out:
            peaks[side] = peak_mb([TESSERA, "analyze", slide, "--model", "phantom-tumour-abmil", "--out", out,
                                   "--threads", "2", "--device", "cpu"])
        print(f"{MEMORY}: {side} x {side} pixels: peak {peaks[side]:.0f} MB", flush=True)
    print(f"target: under {MEMORY_LIMIT_MB} MB: {'met' if peaks[60000] < MEMORY_LIMIT_MB else 'missed'}; "
          f"at most {MEMORY_RATIO} of the smaller slide's")
    print(f"ratio {peaks[60000] / peaks[30000]:.3f} target {MEMORY_RATIO}")
    return 0


def segment_memory():
    """Peak memory of tiled segmentation of a picture of 2048 and of 16384 pixels a side."""
    peaks = {}
    for side in (2048, 16384):
        peaks[side] = peak_mb([BENCH, "segment-infer", str(side), "1", "8", "16", "32"])
        print(f"{SEGMENT_MEMORY}: {side} x {side} pixels: peak {peaks[side]:.0f} MB", flush=True)
    print(f"ratio {peaks[16384] / peaks[2048]:.3f} target {SEGMENT_MEMORY_RATIO}")
    return 0


def p95(values):
    return statistics.quantiles(values, n=100, method="inclusive")[94]


def pan():
    """First pixels after open, and the frames of a drag, on a 60,000 x 60,000 slide in a 1920 x 1080 window."""
    os.makedirs(WORK, exist_ok=True)
    slide = need_phantom(60000)
    rounds = [run(["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24", STUDIO_BENCH, slide]) for _ in range(ROUNDS)]
    scales = list(rounds[0]["frames_ms"])
    print(f"{PAN}: the studio on a 60,000 x 60,000 slide, {rounds[0]['width']} x {rounds[0]['height']}, raster, Xvfb; "
          f"ms, {len(rounds[0]['frames_ms'][scales[0]])} frames a scale, load {os.getloadavg()[0]:.1f}")
    print(f"{'round':>6} {'first pixels':>13}" + "".join(f" {f'{scale} p50':>9} {'p95':>6} {'max':>6}" for scale in scales))
    for number, result in enumerate(rounds, 1):
        frames = [result["frames_ms"][scale] for scale in scales]
        print(f"{number:>6} {result['first_ms']:>13.1f}" + "".join(
            f" {statistics.median(ms):>9.2f} {p95(ms):>6.2f} {max(ms):>6.2f}" for ms in frames))
    first = statistics.median(result["first_ms"] for result in rounds)
    worst = max(statistics.median(p95(result["frames_ms"][scale]) for result in rounds) for scale in scales)
    print(f"first pixels after open: {first:.1f} ms, at most {FIRST_PIXELS_MS}: ratio {first / FIRST_PIXELS_MS:.3f}")
    print(f"window's thread busy in a frame, p95: {worst:.2f} ms, at most {FRAME_MS}")
    print(f"ratio {worst / FRAME_MS:.3f} target 1")
    return 0


def ratio_of(rows, column, sense):
    return statistics.median(row[column] / row[0] if sense == "at least" else row[0] / row[column] for row in rows)


def compare(name, size, rules, cpus):
    """Interleaved rounds of all sides; prints their table. Returns the medians in seconds, a row per round."""
    commands = sides(name, size)
    rows, work = [], None
    for _ in range(ENCODE_ROUNDS if name == "encode" else ROUNDS):
        ours, *others = [run(command) for command in commands]
        work = ours["work"]
        for other in others:
            if work != other["work"]:
                sys.exit(f"{name}: the sides did not do the same: {work} here, {other['work']} there")
        rows.append([statistics.median(side["seconds"]) for side in (ours, *others)])
    print(f"{name}: tessera against {' and '.join(what for _, _, what in rules)}; {work} each; {len(rows)} interleaved "
          f"rounds, medians in ms, {cpus} CPUs, load {os.getloadavg()[0]:.1f}")
    names = ["peer", "limit"][:len(rules)]
    print(f"{'round':>6} {'tessera':>12}" + "".join(f" {name:>12} {'ratio':>8}" for name in names))
    for number, (ours, *others) in enumerate(rows, 1):
        print(f"{number:>6} {ours * 1e3:>12.2f}" + "".join(f" {o * 1e3:>12.2f} {ours / o:>8.3f}" for o in others), flush=True)
    return rows


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help", "--list"):
        print("names:", ", ".join([*TARGETS, MEMORY, SEGMENT_MEMORY, PAN]))
        print("later:", ", ".join(f"{name} ({issue} issue)" for name, issue in LATER.items()))
        return 0 if len(sys.argv) == 2 else 2
    name = sys.argv[1]
    if name in LATER:
        print(f"{name}: arrives with the {LATER[name]} issue", file=sys.stderr)
        return 2
    if name == MEMORY:
        return analyze_memory()
    if name == SEGMENT_MEMORY:
        return segment_memory()
    if name == PAN:
        return pan()
    if name not in TARGETS:
        print(f"unknown comparison '{name}'; names: {', '.join([*TARGETS, MEMORY, SEGMENT_MEMORY, PAN])}", file=sys.stderr)
        return 2
    rules = [table[name] for table in (TARGETS, LIMITS) if name in table]
    cpus = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cpus)  # all sides, their decode threads included, share the same two
    results = [compare(name, size, rules, len(cpus)) for size in SIZES.get(name, [None])]
    for column in range(len(rules), 0, -1):
        target, sense, what = rules[column - 1]
        ratios = [ratio_of(rows, column, sense) for rows in results]
        bound = {"at least": f" {target} times its rate", "at most": f" {target} of its time"}.get(sense, "")
        print(f"{what}: {sense}{bound}" + (f"; by size {', '.join(f'{r:.3f}' for r in ratios)}" if len(ratios) > 1 else ""))
        print(f"ratio {min(ratios) if sense == 'at least' else max(ratios):.3f} target {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
