#!/usr/bin/python3
"""Writes golden.txt: what PyTorch and Pillow make of MNIST-like data that the C++ tests can make too.

Needs Debian's python3-torch, python3-pil and python3-numpy; run without arguments from anywhere.
Each line is `kind parameters... numbers`; checksums are CRC-32 of bytes, arrays of indices as little-endian int32.

The steps follow the published recipes of DomainBed's RotatedMNIST and ColoredMNIST, written anew from their description:
one permutation, every n-th element to an environment, then either a rotation or two rounds of Bernoulli draws.
"""
import pathlib
import zlib

import numpy as np
import torch
from PIL import Image, __version__ as pillow

HERE = pathlib.Path(__file__).resolve().parent
DEGREES = [0, 15, 30, 45, 60, 75]
COLOR_FLIPS = [0.1, 0.2, 0.9]
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def images(count, height, width):
    """Blobs, edges and noise; repeated in tests/data/mnist_domains_test.cpp."""
    n, y, x = np.meshgrid(np.arange(count, dtype=np.uint64), np.arange(height, dtype=np.uint64),
                          np.arange(width, dtype=np.uint64), indexing="ij")
    noise = ((x * 7919 + y * 104729 + n * 1299709 + 17) * 2654435761 >> 11) % 256
    slope = (x * (3 + n % 5) + y * (5 + n % 3)) % 256
    return np.where((x // 5 + y // 4 + n) % 3 == 0, noise, np.where((x + y + n) % 4 == 0, 0, slope)).astype(np.uint8)


def labels(count):
    n = np.arange(count, dtype=np.uint64)
    return ((n * 2654435761 >> 7) % 10).astype(np.uint8)


def permutations():
    for seed, count in [(0, 1), (0, 2), (0, 10), (1, 1000), (0, 70000), (12345678901, 70000)]:
        torch.manual_seed(seed)
        order = torch.randperm(count).numpy().astype("<i4")
        following = torch.rand(1000).numpy().astype("<f4")
        yield f"randperm {seed} {count} {crc(order)} {crc(following)}"


def rotations():
    for height, width in [(28, 28), (1, 1), (5, 9), (17, 8), (33, 64)]:
        for name, code in FILTERS.items():
            for degrees in DEGREES + [1, 89]:
                rotated = [np.asarray(Image.fromarray(i, "L").rotate(degrees, code, fillcolor=0))
                           for i in images(20, height, width)]
                yield f"rotate {name} {height} {width} {degrees} {crc(np.stack(rotated))}"


def rotated_mnist(seed, count):
    for name, code in FILTERS.items():
        torch.manual_seed(seed)
        order = torch.randperm(count).numpy()
        for e, degrees in enumerate(DEGREES):
            own = order[e::len(DEGREES)]
            pixels = [np.asarray(Image.fromarray(i, "L").rotate(degrees, code, fillcolor=0))
                      for i in images(count, 28, 28)[own]]
            yield f"rotated {name} {seed} {count} {e} {len(own)} {crc(np.stack(pixels))} {crc(labels(count)[own])}"


def bernoulli(p, size):
    return (torch.rand(size) < p).numpy().astype(np.uint8)


def colored_mnist(seed, count):
    torch.manual_seed(seed)
    order = torch.randperm(count).numpy()
    for e, flip in enumerate(COLOR_FLIPS):
        own = order[e::len(COLOR_FLIPS)]
        noisy = (labels(count)[own] < 5).astype(np.uint8) ^ bernoulli(0.25, len(own))
        colors = noisy ^ bernoulli(flip, len(own))
        yield f"colored {seed} {count} {e} {len(own)} {crc(own.astype('<i4'))} {crc(noisy)} {crc(colors)}"


def main():
    lines = [f"# Pillow {pillow}, PyTorch {torch.__version__}", *permutations(), *rotations(), *rotated_mnist(3, 600),
             *colored_mnist(0, 70000), *colored_mnist(3, 600)]
    (HERE / "golden.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
