"""The peers' side of tests/bench/compare: the distribution's PyTorch and openslide-python, two threads."""
import json
import math
import sys
import time

import numpy
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


def bag_write(path):
    """A bag as CLAM writes it: 32 rows a chunk, appended batch by batch."""
    import h5py
    rows = 32
    features = torch.randn(50000, 1024, generator=torch.Generator().manual_seed(1)).numpy()
    with h5py.File(path, "w") as file:
        for name, width, kind in (("features", 1024, "float32"), ("coords", 2, "int32")):
            file.create_dataset(name, (0, width), maxshape=(None, width), chunks=(rows, width), dtype=kind)
        for first in range(0, len(features), rows):
            batch = features[first:first + rows]
            for name, values in (("features", batch), ("coords", 0)):
                file[name].resize(first + len(batch), axis=0)
                file[name][first:] = values
    print("{}")


def encode(slide_path, weights):
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


class Nystrom(torch.nn.Module):
    """The attention of TransMIL: 8 heads of 64, 256 landmarks, zeros in front, six steps of the pseudo-inverse."""

    def __init__(self, dim=512, heads=8, landmarks=256):
        super().__init__()
        self.heads, self.landmarks, self.width = heads, landmarks, dim // heads
        self.qkv = torch.nn.Linear(dim, 3 * dim, bias=False)
        self.out = torch.nn.Sequential(torch.nn.Linear(dim, dim), torch.nn.Dropout(0.1))
        self.convolution = torch.nn.Conv2d(heads, heads, (33, 1), padding=(16, 0), groups=heads, bias=False)

    def forward(self, x, with_row=False):
        count, m = x.shape[1], self.landmarks
        padding = (m - count % m) % m
        x = torch.nn.functional.pad(x, (0, 0, padding, 0))
        group = x.shape[1] // m
        q, k, v = (part.reshape(1, -1, self.heads, self.width).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        q = q * self.width ** -0.5
        q_mean = q.reshape(1, self.heads, m, group, self.width).sum(3) / group
        k_mean = k.reshape(1, self.heads, m, group, self.width).sum(3) / group
        a1 = (q @ k_mean.transpose(-1, -2)).softmax(-1)
        a2 = (q_mean @ k_mean.transpose(-1, -2)).softmax(-1)
        a3 = (q_mean @ k.transpose(-1, -2)).softmax(-1)
        size = a2.abs()
        z = a2.transpose(-1, -2) / (size.sum(-1).max() * size.sum(-2).max())
        eye = torch.eye(m)[None]
        for _ in range(6):
            az = a2 @ z
            z = 0.25 * z @ (13 * eye - az @ (15 * eye - az @ (7 * eye - az)))
        a1 = a1 @ z
        y = a1 @ (a3 @ v) + self.convolution(v)
        y = self.out(y.transpose(1, 2).reshape(1, -1, x.shape[2]))[:, -count:]
        return y, (a1[:, :, padding:padding + 1] @ a3)[:, :, 0, padding + 1:] if with_row else None


class TransMil(torch.nn.Module):
    """MHIM's TransMIL base beyond the embedding."""

    def __init__(self, dim=512):
        super().__init__()
        self.token = torch.nn.Parameter(torch.randn(1, 1, dim))
        self.norms = torch.nn.ModuleList([torch.nn.LayerNorm(dim) for _ in range(3)])
        self.layers = torch.nn.ModuleList([Nystrom(dim) for _ in range(2)])
        self.places = torch.nn.ModuleList([torch.nn.Conv2d(dim, dim, s, padding=s // 2, groups=dim) for s in (7, 5, 3)])

    def forward(self, h, with_scores=False):
        x = torch.cat([self.token, h], 1)
        y, scores = self.layers[0](self.norms[0](x), with_scores)
        x = x + y
        token, tiles = x[:, :1], x[:, 1:]
        count = tiles.shape[1]
        side = max(7, int(numpy.ceil(numpy.sqrt(count))))
        tiles = torch.cat([tiles, tiles[:, :side * side - count]], 1).transpose(1, 2).reshape(1, -1, side, side)
        tiles = sum((place(tiles) for place in self.places), tiles)
        x = torch.cat([token, tiles.flatten(2).transpose(1, 2)[:, :count]], 1)
        x = x + self.layers[1](self.norms[1](x))[0]
        return self.norms[2](x)[:, 0], scores


class Abmil(torch.nn.Module):
    """MHIM's ABMIL base beyond the embedding."""

    def __init__(self, dim=512):
        super().__init__()
        self.attention = torch.nn.Sequential(torch.nn.Linear(dim, 128, bias=False), torch.nn.ReLU(),
                                             torch.nn.Linear(128, 1, bias=False))

    def forward(self, h, with_scores=False):
        a = self.attention(h).transpose(1, 2).softmax(-1)
        return (a @ h)[:, 0], a[:, 0]


class Mhim(torch.nn.Module):
    def __init__(self, base):
        super().__init__()
        self.embed = torch.nn.Sequential(torch.nn.Linear(1024, 512), torch.nn.ReLU(), torch.nn.Dropout(0.25))
        self.pool = base()
        self.head = torch.nn.Linear(512, 2)
        for module in self.modules():
            if isinstance(module, torch.nn.Linear):
                torch.nn.init.xavier_normal_(module.weight)
                if module.bias is not None:
                    torch.nn.init.zeros_(module.bias)

    def forward(self, x, kept=None, with_scores=False):
        h = self.embed(x)
        if kept is not None:
            h = torch.gather(h, 1, kept.view(1, -1, 1).expand(-1, -1, h.shape[2]))
        pooled, scores = self.pool(h, with_scores)
        return self.head(pooled), pooled, scores


def candidates(count, scores, largest, ratio, share):
    """Indices masked in one stage: methods/mil.md 3.3."""
    quota = ratio / share
    if quota > 1:
        share, quota = ratio, 1.0
    size = int(numpy.ceil(count * quota))
    if scores.dim() == 3:  # heads vote
        votes = torch.zeros_like(scores).scatter_(2, torch.topk(scores, size, largest=largest, sorted=False)[1], 1)
        chosen = torch.topk(votes.sum(1), size, sorted=False)[1][0]
    else:
        chosen = torch.topk(scores, size, largest=largest)[1][0]
    if share < 1:
        chosen = chosen[torch.randperm(len(chosen))[:int(numpy.ceil(len(chosen) * share))]]
    return chosen


def mhim(base, count):
    """One training step as the official code does it: the student embeds every instance, sets are Python's, and the
    teacher's average is taken parameter by parameter."""
    count = int(count)
    torch.manual_seed(1)
    x, label = torch.randn(1, count, 1024), torch.tensor([1])
    student, teacher = (Mhim({"abmil": Abmil, "transmil": TransMil}[base]) for _ in range(2))
    teacher.load_state_dict(student.state_dict())
    for parameter in teacher.parameters():
        parameter.requires_grad = False
    adam = torch.optim.Adam(student.parameters(), lr=2e-4, weight_decay=1e-5)
    stages = {"abmil": [(False, 0.5, 0.001), (True, 0.01, 0.5)], "transmil": [(False, 0.8, 1), (True, 0.03, 0.5)]}[base]

    def run():
        adam.zero_grad()
        with torch.no_grad():
            _, target, scores = teacher(x, with_scores=True)
            masked = None
            for largest, ratio, share in stages:
                chosen = candidates(count, scores, largest, ratio, share)
                masked = chosen if masked is None else torch.cat([chosen, masked]).unique()
            kept = torch.tensor(list(set(range(count)).difference(set(masked.tolist()))))
        logits, pooled, _ = student(x, kept)
        consistency = -(torch.softmax(target / 0.1, -1) * torch.log_softmax(pooled, -1)).sum(-1).mean()
        loss = torch.nn.functional.cross_entropy(logits, label) + 0.1 * consistency
        loss.backward()
        adam.step()
        with torch.no_grad():
            for own, other in zip(teacher.parameters(), student.parameters()):
                own.data = own.data * 0.9999 + other.detach().data * (1 - 0.9999)

    repeat(run, f"a step of {count} instances", warm_up=3 if base == "abmil" else 1, count=7 if base == "abmil" else 3)


class UNet(torch.nn.Module):
    """The built-in U-Net; `norm` makes the layer behind each convolution."""

    def __init__(self, widths, norm=torch.nn.BatchNorm2d):
        super().__init__()

        def double(inside, outside):
            return torch.nn.Sequential(
                torch.nn.Conv2d(inside, outside, 3, padding=1, bias=False), norm(outside), torch.nn.ReLU(inplace=True),
                torch.nn.Conv2d(outside, outside, 3, padding=1, bias=False), norm(outside), torch.nn.ReLU(inplace=True))

        self.down = torch.nn.ModuleList(double(a, b) for a, b in zip([3, *widths], widths))
        self.enlarge = torch.nn.ModuleList(torch.nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.up = torch.nn.ModuleList(double(2 * a, a) for a in widths[:-1])
        self.head = torch.nn.Conv2d(widths[0], 2, 1)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.down):
            x = block(torch.nn.functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat([skips[level], self.enlarge[level](x)], 1))
        return self.head(x)


class OsudaNorm(torch.nn.BatchNorm2d):
    """Statistics that move from the source's to the batch's, with their gradient; keeps the distance of each channel."""

    share = 1.0

    def forward(self, x):
        variance, mean = torch.var_mean(x, (0, 2, 3), unbiased=False)
        mean = (1 - self.share) * mean + self.share * self.running_mean
        variance = (1 - self.share) * variance + self.share * self.running_var
        with torch.no_grad():
            self.distance = (self.running_mean / torch.sqrt(self.running_var + self.eps)
                             - mean / torch.sqrt(variance + self.eps)).abs()
        factor = self.weight * torch.rsqrt(variance + self.eps)
        return x * factor[:, None, None] + (self.bias - mean * factor)[:, None, None]


def adapt_step():
    torch.manual_seed(1)
    network = UNet([16, 32, 64, 128], OsudaNorm).requires_grad_(False).eval()
    norms = [module for module in network.modules() if isinstance(module, OsudaNorm)]
    parameters = [tensor for norm in norms for tensor in (norm.weight, norm.bias)]
    for parameter in parameters:
        parameter.requires_grad_(True)
    source = [tensor.detach().clone() for tensor in parameters]
    adam = torch.optim.Adam(parameters, lr=1e-4)
    x, t = torch.rand(8, 3, 256, 256), [0]

    def run():
        OsudaNorm.share = math.exp(-t[0])
        log_probabilities = network(x).log_softmax(1)
        with torch.no_grad():
            alpha = [1 / (1 + norm.distance) for norm in norms]
            mean = torch.cat(alpha).mean()
        held = sum(((1 + a / mean) * ((source[2 * i] - norm.weight).abs() + (source[2 * i + 1] - norm.bias).abs())).sum()
                   for i, (a, norm) in enumerate(zip(alpha, norms)))
        entropy = -(log_probabilities.exp() * log_probabilities).sum(1).mean()
        loss = held + 10 * (1 - t[0] / 500) * entropy
        adam.zero_grad()
        loss.backward()
        adam.step()
        t[0] += 1

    repeat(run, "a step of 8 pictures of 256 x 256", warm_up=1, count=4)


def segment_infer(side, count, *widths):
    """Tiles of 1024 with seams of 64, blended by linear ramps; the last of a row and column moved back into the picture."""
    side, tile, overlap = int(side), 1024, 64
    torch.manual_seed(1)
    network = UNet([int(width) for width in widths]).eval()
    stride = tile - overlap
    tiles = -(-(side - overlap) // stride)
    ramp = (torch.arange(overlap) + 0.5) / overlap

    def weights(i, length):
        values = torch.ones(length)
        if i > 0:
            values[:overlap] = ramp
        if i + 1 < tiles:
            values[stride:stride + overlap] = 1 - ramp
        return values

    def run():
        total = torch.zeros(2, side, side)
        for j in range(tiles):
            for i in range(tiles):
                y, x = min(j * stride, side - tile), min(i * stride, side - tile)
                rows = torch.arange(y, y + tile)[:, None] * 13
                columns = torch.arange(3 * x, 3 * (x + tile)) * 7
                pixels = ((rows + columns) % 256).float().view(tile, tile, 3).permute(2, 0, 1)[None] / 255
                with torch.no_grad():
                    found = network(pixels).softmax(1)[0, :, j * stride - y:, i * stride - x:]
                mask = weights(j, found.shape[1])[:, None] * weights(i, found.shape[2])
                total[:, j * stride:y + tile, i * stride:x + tile] += found * mask
        total.argmax(0).byte()

    repeat(run, f"{side} x {side} pixels", warm_up=1, count=int(count))


class Bottleneck(torch.nn.Module):
    def __init__(self, inside, width, stride):
        super().__init__()
        nn, out = torch.nn, 4 * width
        self.path = nn.Sequential(
            nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = nn.Sequential() if stride == 1 and inside == out else nn.Sequential(
            nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return torch.relu_(self.path(x) + self.shortcut(x))


def resnet50(classes):
    nn = torch.nn
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            layers.append(Bottleneck(inside, 64 << stage, 2 if stage > 0 and block == 0 else 1))
            inside = 256 << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, classes))


def retina(name, side):
    side = int(side)
    count = 2 if side > 300 else 8
    network = resnet50(5)
    if name == "retina-infer":
        network.eval()
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        pictures = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)

        def infer():
            with torch.no_grad():
                return torch.softmax(network((pictures.float() / 255 - mean) / std), 1)

        return repeat(infer, f"{count} photographs of {side} px")
    sgd = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x, labels = torch.randn(count, 3, side, side), torch.arange(count) % 5

    def train():
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(network(x), labels).backward()
        sgd.step()

    return repeat(train, f"a step of {count} photographs of {side} px", warm_up=1, count=3)


if __name__ == "__main__":
    {"retina": retina, "adapt-step": adapt_step, "segment-infer": segment_infer, "abmil-infer": abmil_infer, "bag-write": bag_write, "encode": encode, "mhim": mhim}[sys.argv[1]](*sys.argv[2:])
