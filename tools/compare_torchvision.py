#!/usr/bin/env python3
"""Decoding and transforming JPEGs: torchvision over Pillow against dgsam, on one thread each, in one interleaved run.

    ninja -C build bench-images
    /usr/bin/python3 tools/compare_torchvision.py                # Debian: apt install python3-torchvision

Makes photograph-like JPEGs of 500 x 375 in a temporary folder (or takes those of --folder) and measures images per
second from bytes in memory to normalised float tensors: decoding alone, decoding + DomainBed's evaluation transform,
decoding + its training transform. The two sides take turns, in rounds over all images; the table gives the medians.
Time is CPU time, so that other programs on the machine disturb less.
"""
import argparse
import io
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import PIL
    import torch
    import torchvision
    from PIL import Image
    from torchvision import transforms as T
except ImportError as error:
    sys.exit(f"compare_torchvision: {error}. On Debian: apt install python3-torchvision python3-pil, "
             "then run this script with /usr/bin/python3.")

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
WORKS = ("decode", "eval", "train")


def photograph(rng, width=500, height=375):
    """Noise whose spectrum falls like 1/f, as in photographs, with shapes that have edges, and a little grain."""
    def field():
        y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
        spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / np.maximum(np.hypot(x, y), 1 / width) ** 1.5
        values = np.fft.irfft2(spectrum, (height, width))
        return values / values.std()
    light = field()
    pixels = np.stack([light + 0.35 * field() for _ in range(3)], axis=2)
    y, x = np.mgrid[:height, :width]
    for _ in range(12):
        centre_x, centre_y, angle = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, np.pi)
        along = (x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)
        across = (y - centre_y) * np.cos(angle) - (x - centre_x) * np.sin(angle)
        inside = (along / rng.uniform(15, 120)) ** 2 + (across / rng.uniform(15, 120)) ** 2 < 1
        pixels[inside] += rng.uniform(-1.5, 1.5, 3)
    pixels = 125 + 48 * pixels + 4 * rng.standard_normal((height, width, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def make_images(folder, count):
    rng = np.random.default_rng(0)
    for i in range(count):
        photograph(rng).save(folder / f"{i:03}.jpg", quality=85)


class Torchvision:
    """DomainBed's transforms, applied to bytes in memory."""

    def __init__(self, files):
        self.files = files
        normalise = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
        self.transforms = {
            "eval": T.Compose([T.Resize((224, 224)), *normalise]),
            "train": T.Compose([T.RandomResizedCrop(224, scale=(0.7, 1.0)), T.RandomHorizontalFlip(),
                                T.ColorJitter(0.3, 0.3, 0.3, 0.3), T.RandomGrayscale(), *normalise]),
        }

    def rate(self, work):
        start = time.process_time()
        for file in self.files:
            image = Image.open(io.BytesIO(file)).convert("RGB")
            if work in self.transforms:
                self.transforms[work](image)
        return len(self.files) / (time.process_time() - start)


class Dgsam:
    def __init__(self, binary, folder):
        self.process = subprocess.Popen([binary, str(folder), "--interactive"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def rate(self, work):
        self.process.stdin.write(work + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("compare_torchvision: bench-images has ended; its message is above")
        return float(answer)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def compare(folder, options):
    files = [path.read_bytes() for path in sorted(folder.iterdir())]
    sides = [Torchvision(files), Dgsam(options.bench, folder)]
    rates = {(side, work): [] for side in sides for work in WORKS}
    for round_number in range(-1, options.rounds):  # the first round warms up
        for work in WORKS:
            for side in sides if round_number % 2 else sides[::-1]:
                rate = side.rate(work)
                if round_number >= 0:
                    rates[side, work].append(rate)
    sizes = [len(file) / 1000 for file in files]
    print(f"{len(files)} images of {min(sizes):.0f} to {max(sizes):.0f} KB; one thread of {processor()}; torchvision "
          f"{torchvision.__version__}, Pillow {PIL.__version__}; medians of {options.rounds} rounds, images per second of CPU time\n")
    print("| work | torchvision + Pillow | dgsam | ratio |\n|---|---|---|---|")
    names = {"decode": "decode", "eval": "decode + evaluation transform", "train": "decode + training transform"}
    for work in WORKS:
        theirs, ours = (statistics.median(rates[side, work]) for side in sides)
        print(f"| {names[work]} | {theirs:.0f} | {ours:.0f} | **{ours / theirs:.1f}×** |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24, help="how many to make (default: 24)")
    parser.add_argument("--rounds", type=int, default=7, help="times over all images (default: 7)")
    parser.add_argument("--folder", type=pathlib.Path, help="measure these images instead of made ones")
    parser.add_argument("--bench", default=REPOSITORY / "build/tools/bench-images", help="our side's program")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.folder:
        return compare(options.folder, options)
    with tempfile.TemporaryDirectory() as folder:
        make_images(pathlib.Path(folder), options.images)
        compare(pathlib.Path(folder), options)


if __name__ == "__main__":
    main()
