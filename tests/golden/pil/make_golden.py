#!/usr/bin/python3
"""Writes cases.txt and images/*: what Pillow and torchvision make of images that the C++ tests can make too.

Needs Debian's python3-pil, python3-numpy and python3-torchvision; run without arguments from anywhere.
A line of cases.txt is `operation width height source-seed parameters... crc32`, the CRC taken over the RGB bytes of
the result; float parameters are printed so that they round-trip. The source image of (width, height, seed) is the
formula in source(), repeated in tests/data/golden_source.h. The files of images/ are committed with the CRC of what Pillow decodes.
"""
import pathlib
import random
import zlib

import numpy as np
from PIL import Image, __version__ as pillow
from torchvision import __version__ as torchvision
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode

HERE = pathlib.Path(__file__).resolve().parent
JITTERS = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]


def source(width, height, seed):
    """Smooth slopes, edges and noise: all values occur, in all channels."""
    y, x, c = np.meshgrid(np.arange(height, dtype=np.uint64), np.arange(width, dtype=np.uint64),
                          np.arange(3, dtype=np.uint64), indexing="ij")
    noise = ((x * 7919 + y * 104729 + c * 1299709 + seed * 15485863) * 2654435761 >> 11) % 256
    slope = x * (3 + c) + y * (5 - c) + c * 40
    pixels = np.where((x // 9 + y // 7 + c) % 3 == 0, noise, slope % 256)
    return Image.fromarray(pixels.astype(np.uint8), "RGB")


def crc(image):
    return zlib.crc32(image.convert("RGB").tobytes())


def line(operation, width, height, seed, parameters, image):
    words = [operation, width, height, seed, *(repr(p) if isinstance(p, float) else p for p in parameters)]
    return " ".join(map(str, words)) + f" {crc(image)}"


def resize_cases(rng):
    sizes = [(1, 1, 5, 3), (5, 7, 1, 1), (2, 2, 7, 7), (28, 28, 32, 32), (32, 32, 32, 32), (32, 48, 32, 20),
             (48, 32, 20, 32), (227, 227, 224, 224), (500, 375, 224, 224), (375, 500, 224, 224), (64, 64, 224, 224),
             (640, 480, 224, 224), (1023, 7, 224, 224), (3, 900, 224, 224), (999, 667, 96, 64)]
    sizes += [tuple(rng.randint(1, 400) for _ in range(4)) for _ in range(45)]
    for seed, (w, h, out_w, out_h) in enumerate(sizes):
        result = F.resize(source(w, h, seed), [out_h, out_w], InterpolationMode.BILINEAR)
        yield line("resize", w, h, seed, [out_w, out_h], result)


def crop_cases(rng):
    for seed in range(40):
        w, h = rng.randint(2, 300), rng.randint(2, 300)
        crop_w, crop_h = rng.randint(1, w), rng.randint(1, h)
        x, y = rng.randint(0, w - crop_w), rng.randint(0, h - crop_h)
        out_w, out_h = rng.choice([(32, 32), (64, 64), (crop_w, crop_h), (crop_w, 50), (50, crop_h), (17, 91)])
        result = F.resized_crop(source(w, h, seed), y, x, crop_h, crop_w, [out_h, out_w], InterpolationMode.BILINEAR)
        yield line("crop", w, h, seed, [x, y, crop_w, crop_h, out_w, out_h], result)


def colour_cases(rng):
    for seed in range(16):
        w, h = rng.randint(40, 200), rng.randint(40, 200)
        image = source(w, h, seed)
        for name in ("brightness", "contrast", "saturation"):
            factor = float(np.float32([0.0, 0.7, 1.0, 1.3][seed] if seed < 4 else rng.uniform(0.7, 1.3)))
            yield line(name, w, h, seed, [factor], getattr(F, "adjust_" + name)(image, factor))
        hue = [-0.3, 0.0, 0.3, 0.5, -0.5, 0.001][seed] if seed < 6 else rng.uniform(-0.3, 0.3)
        yield line("hue", w, h, seed, [hue], F.adjust_hue(image, hue))
        yield line("grey", w, h, seed, [], F.to_grayscale(image, 3))
        yield line("flip", w, h, seed, [], F.hflip(image))
    for hue in (-0.27, 0.13):  # most pairs of saturation and hue
        yield line("hue", 512, 512, 77, [hue], F.adjust_hue(source(512, 512, 77), hue))


def train_cases(rng):
    """The whole transform for given draws: crop box, flip, order of the jitters, their factors, grey, output size."""
    for seed in range(100, 160):
        w, h = rng.randint(30, 400), rng.randint(30, 400)
        crop_w, crop_h = rng.randint(w // 2, w), rng.randint(h // 2, h)
        x, y = rng.randint(0, w - crop_w), rng.randint(0, h - crop_h)
        size, flip, grey = rng.choice([32, 64, 96, 224]), rng.randint(0, 1), int(rng.random() < 0.2)
        factors = [float(np.float32(rng.uniform(0.7, 1.3))) for _ in range(3)] + [rng.uniform(-0.3, 0.3)]
        order = rng.sample(range(4), 4)
        image = F.resized_crop(source(w, h, seed), y, x, crop_h, crop_w, [size, size], InterpolationMode.BILINEAR)
        if flip:
            image = F.hflip(image)
        for jitter in order:
            image = JITTERS[jitter](image, factors[jitter])
        if grey:
            image = F.to_grayscale(image, 3)
        yield line("train", w, h, seed, [x, y, crop_w, crop_h, flip, *order, *factors, grey, size], image)


def file_cases():
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    smooth = source(97, 61, 1).resize((33, 27), Image.BILINEAR)
    small = source(13, 11, 1)
    transparent = small.convert("RGBA")
    transparent.putalpha(small.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated; must have no effect
    variants = {
        "420.jpg": (smooth, {"subsampling": 2}),
        "422.jpg": (smooth, {"subsampling": 1}),
        "444.jpg": (smooth, {"subsampling": 0, "quality": 95}),
        "progressive.jpg": (smooth, {"progressive": True}),
        "grey.jpg": (smooth.convert("L"), {}),
        "cmyk.jpg": (smooth.convert("CMYK"), {}),
        "oriented.jpg": (smooth, {"exif": exif}),
        "rgb.png": (small, {}),
        "grey.png": (small.convert("L"), {}),
        "bilevel.png": (small.convert("1"), {}),
        "palette.png": (small.quantize(11), {}),
        "alpha.png": (transparent, {}),
        "grey_alpha.png": (transparent.convert("LA"), {}),
        "rgb.bmp": (small, {}),
        "palette.bmp": (small.quantize(11), {}),
        "rgb.ppm": (small, {}),
        "grey.pgm": (small.convert("L"), {}),
        "palette.gif": (small.quantize(11), {}),
    }
    for name, (image, options) in variants.items():
        image.save(folder / name, **options)
        decoded = Image.open(folder / name)
        yield f"file {name} {decoded.width} {decoded.height} {crc(decoded)}"


def main():
    rng = random.Random(20261122)
    lines = [f"# Pillow {pillow}, torchvision {torchvision}; written by make_golden.py"]
    for cases in (resize_cases(rng), crop_cases(rng), colour_cases(rng), train_cases(rng), file_cases()):
        lines += cases
    (HERE / "cases.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(lines) - 1} cases")


if __name__ == "__main__":
    main()
