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
    "retina-infer": (0.7, "at most", "PyTorch eager, ResNet-50"),
    "retina-train": (1.0, "at most", "PyTorch eager, ResNet-50, SGD with Nesterov momentum"),
    "retina-pictures": (None, "the rate is stated", "libjpeg-turbo's decode alone"),
    "adapt-step": (1.0, "at most", "PyTorch doing the same"),
    "segment-infer": (0.7, "at most", "PyTorch eager on the same tiles, blended alike"),
    "norm-layer": (None, "the overhead is stated", "plain batch norm in evaluation"),
    "encode": (0.65, "at most", "un-optimised module in PyTorch fed by openslide-python"),
}
MEMORY = "analyze-memory"  # measured alone: no peer, and no rounds
MEMORY_LIMIT_MB, MEMORY_RATIO = 1500, 1.1
SEGMENT_MEMORY = "segment-memory"  # as well
SEGMENT_MEMORY_RATIO = 1.1
BAG_MEMORY = "bag-memory"  # as well
BAG_MEMORY_LIMIT_MB = 6144
PAN = "pan"  # measured against the display's pace: no peer
FIRST_PIXELS_MS, FRAME_MS, SHARP_MS, OVERLAY_MS = 150, 16.7, 400, 3
WIDTHS = ["16", "32", "64", "128"]  # of the U-Net that is compared
# A second thing to hold our side against, in the same table.
LIMITS = {"tiles": (0.9, "at least", "bare libtiff")}
# Comparisons that are made at several sizes: the worst ratio counts.
SIZES = {"retina-infer": ["224", "512"], "retina-train": ["224", "512"], "mhim-abmil": ["1000", "5000", "20000"], "mhim-transmil": ["5000"]}


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
    if name.startswith("mhim-"):
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
    if name in ("retina-infer", "retina-train"):
        return [BENCH, name, size], peer("retina", name, size)
    if name == "retina-pictures":
        photograph = os.path.join(WORK, "fundus-2000.jpg")
        if not os.path.exists(photograph):
            from PIL import Image
            drawn = os.path.join(WORK, "fundus.jpg")
            subprocess.run([TESSERA, "phantom", "fundus", "--grade", "2", "--seed", "3", "--out", drawn], check=True,
                           stdout=sys.stderr)
            with Image.open(drawn) as picture:
                side = min(picture.size)
                left, top = ((length - side) // 2 for length in picture.size)
                picture.crop((left, top, left + side, top + side)).resize((2000, 2000)).save(photograph, quality=92)
        return [BENCH, name, photograph], [BENCH, "jpeg-decode", photograph]
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


def bag_memory():
    """Peak memory of training on and classifying two bags of 200,000 tiles x 1,536 features, with ABMIL and with MHIM."""
    import h5py
    import numpy

    os.makedirs(WORK, exist_ok=True)
    peaks = {}
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        bags, labels, split = (os.path.join(folder, name) for name in ("bags", "labels.csv", "split.csv"))
        os.makedirs(bags)
        for name in "ab":
            with h5py.File(os.path.join(bags, name + ".h5"), "w") as file:
                features = file.create_dataset("features", (200000, 1536), "f4", chunks=(512, 1536))
                for first in range(0, 200000, 8192):
                    rows = min(8192, 200000 - first)
                    features[first:first + rows] = numpy.random.default_rng(first).random((rows, 1536), numpy.float32)
                file["coords"] = numpy.zeros((200000, 2), numpy.int64)
        with open(labels, "w", encoding="utf-8") as file:
            file.write("slide_id,label\na,negative\nb,positive\n")
        with open(split, "w", encoding="utf-8") as file:
            file.write(",train,val,test\n0,a,,\n1,b,,\n")
        data = ["--bags", bags, "--labels", labels, "--threads", "2", "--device", "cpu"]
        for method in ("ce", "mhim"):
            run = os.path.join(folder, method)
            peaks[f"train, {method}"] = peak_mb([TESSERA, "mil", "train", *data, "--split", split, "--method", method, "--base", "abmil",
                                                 "--epochs", "1", "--min-epochs", "0", "--out", run])
            peaks[f"predict, {method}"] = peak_mb([TESSERA, "mil", "predict", "--model", os.path.join(run, "model"), *data,
                                                   "--out", os.path.join(folder, method + "-predictions")])
    for what, peak in peaks.items():
        print(f"{BAG_MEMORY}: {what}: peak {peak:.0f} MB")
    print(f"ratio {max(peaks.values()) / BAG_MEMORY_LIMIT_MB:.3f} target 1.0 (of {BAG_MEMORY_LIMIT_MB} MB)")
    return 0


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def segment_memory():
    """Peak memory of tiled segmentation of a picture of 2048 and of 16384 pixels a side."""
    peaks = {}
    for side in (2048, 16384):
        peaks[side] = peak_mb([BENCH, "segment-infer", str(side), "1", "8", "16", "32"])
        print(f"{SEGMENT_MEMORY}: {side} x {side} pixels: peak {peaks[side]:.0f} MB", flush=True)
    print(f"ratio {peaks[16384] / peaks[2048]:.3f} target {SEGMENT_MEMORY_RATIO}")
    return 0


def pan():
    """The studio on a 60,000 x 60,000 slide in a 1920 x 1080 window: open, drag, jump, overlay, four linked views."""
    os.makedirs(WORK, exist_ok=True)
    slide = need_phantom(60000)
    rounds = [run(["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24", STUDIO_BENCH, slide]) for _ in range(ROUNDS)]
    ways = list(rounds[0]["frames_ms"])
    print(f"{PAN}: the studio on a 60,000 x 60,000 slide, {rounds[0]['width']} x {rounds[0]['height']}, raster, Xvfb; "
          f"ms, {len(rounds[0]['frames_ms'][ways[0]])} frames a way and round, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'frames':>12} {'p50':>7} {'p95':>7} {'p99':>7} {'worst':>7}   medians over the rounds")
    of_round = {}
    for way in ways:
        columns = [[percentile(result["frames_ms"][way], share) for result in rounds] for share in (0.5, 0.95, 0.99, 1)]
        of_round[way] = [statistics.median(column) for column in columns]
        print(f"{way:>12} " + " ".join(f"{value:>7.2f}" for value in of_round[way]))
    print("of these the window's own processor time, whatever else the machine does:")
    for way in ways:
        columns = [[percentile(result["frames_cpu_ms"][way], share) for result in rounds] for share in (0.5, 0.95, 0.99, 1)]
        print(f"{way:>12} " + " ".join(f"{statistics.median(column):>7.2f}" for column in columns))

    def limit(what, value, most, unit):
        print(f"{what}: {value:.1f} {unit}, at most {most} {unit}: ratio {value / most:.3f}")

    limit("first pixels after open", statistics.median(r["first_ms"] for r in rounds), FIRST_PIXELS_MS, "ms")
    jumps = [time for result in rounds for time in result["jumps_ms"]]
    print(f"sharp after a jump: p50 {percentile(jumps, 0.5):.0f}, p95 {percentile(jumps, 0.95):.0f}, "
          f"worst {max(jumps):.0f} ms over {len(jumps)} jumps")
    limit("sharp after a jump, p50", percentile(jumps, 0.5), SHARP_MS, "ms")
    overlay = statistics.median(
        statistics.mean(r["frames_cpu_ms"]["1:8 overlay"]) - statistics.mean(r["frames_cpu_ms"]["1:8 again"]) for r in rounds)
    limit(f"overlay of {rounds[0]['overlay_tiles']} tiles, processor time, mean of a frame", overlay, OVERLAY_MS, "ms")
    peak = max(r["cache_peak_bytes"] for r in rounds)
    limit("tile cache, peak", peak / 2**20, round(1.1 * rounds[0]["cache_budget_bytes"] / 2**20, 1), "MiB")
    print(f"process: {max(r['resident_peak_bytes'] for r in rounds) / 2**20:.0f} MiB at most")
    worst = max(columns[1] for columns in of_round.values())
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
        print("names:", ", ".join([*TARGETS, MEMORY, SEGMENT_MEMORY, BAG_MEMORY, PAN]))
        return 0 if len(sys.argv) == 2 else 2
    name = sys.argv[1]
    if name == MEMORY:
        return analyze_memory()
    if name == SEGMENT_MEMORY:
        return segment_memory()
    if name == BAG_MEMORY:
        return bag_memory()
    if name == PAN:
        return pan()
    if name not in TARGETS:
        print(f"unknown comparison '{name}'; names: {', '.join([*TARGETS, MEMORY, SEGMENT_MEMORY, BAG_MEMORY, PAN])}", file=sys.stderr)
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
