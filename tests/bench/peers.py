"""The peers' side of tests/bench/compare: the distribution's PyTorch and openslide-python, two threads."""
import json
import sys
import time

import torch

torch.set_num_threads(2)


def repeat(run, work, warm_up=2, count=7):
    for _ in range(warm_up):
        run()
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    print(json.dumps({"seconds": taken, "work": work}))


def abmil_infer():
    torch.manual_seed(1)
    x = torch.randn(20000, 1024)
    embed = torch.nn.Sequential(torch.nn.Linear(1024, 512), torch.nn.ReLU(), torch.nn.Dropout(0.25))
    attention = torch.nn.Sequential(torch.nn.Linear(512, 128, bias=False), torch.nn.ReLU(),
                                    torch.nn.Linear(128, 1, bias=False))
    head = torch.nn.Linear(512, 2)
    model = torch.nn.ModuleList([embed, attention, head]).eval()

    def run():
        with torch.no_grad():
            h = embed(x)
            a = torch.softmax(attention(h).transpose(0, 1), dim=-1)
            return torch.softmax(model[2](a @ h), dim=-1)

    repeat(run, f"{len(x)} instances")


def encode(slide_path, weights):
    import numpy
    import openslide
    slide = openslide.OpenSlide(slide_path)
    module = torch.jit.load(weights).eval()
    width, height = slide.dimensions
    places = [(x, y) for y in range(0, height, 224) for x in range(0, width, 224)]
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

    def run():
        with torch.no_grad():
            for start in range(0, len(places), 32):
                tiles = [numpy.asarray(slide.read_region(place, 0, (224, 224)).convert("RGB"))
                         for place in places[start:start + 32]]
                batch = torch.from_numpy(numpy.stack(tiles)).permute(0, 3, 1, 2).float() / 255
                module((batch - mean) / std)

    repeat(run, f"{len(places)} tiles", warm_up=1, count=1)


if __name__ == "__main__":
    {"abmil-infer": abmil_infer, "encode": encode}[sys.argv[1]](*sys.argv[2:])
