#!/usr/bin/python3
"""Writes cases.txt and images/*: what Pillow and torchvision make of images that the C++ tests can make too.

Needs Debian's python3-pil, python3-numpy, python3-torchvision and libturbojpeg0; run without arguments from anywhere.
A line of cases.txt is `operation source parameters... crc32`, the CRC taken over the RGB bytes of the result; float
parameters are printed so that they round-trip. A source is the name of a file of images/, or `width height seed` of the
formula in source(), repeated in tests/data/golden_source.h. `decode` has whether Pillow calls the file truncated, width,
height and the sums of the three channels before the CRC; truncated files are decoded with LOAD_TRUNCATED_IMAGES.
"""
import io
import pathlib
import random
import shutil
import warnings
import zlib

import more_files
import numpy as np
import sample_files as files
from PIL import Image, ImageFile, __version__ as pillow
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


def words(parameters):
    return " ".join(repr(p) for p in parameters)  # floats round-trip


def line(operation, width, height, seed, parameters, image):
    return f"{operation} {width} {height} {seed} {words(parameters)} {crc(image)}"


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


def random_transform(rng, image, size):
    """Crop box, flip, order of the jitters, their factors, grey and output size, and what the transform makes of them."""
    w, h = image.size
    crop_w, crop_h = rng.randint((w + 1) // 2, w), rng.randint((h + 1) // 2, h)
    x, y = rng.randint(0, w - crop_w), rng.randint(0, h - crop_h)
    flip, grey = rng.randint(0, 1), int(rng.random() < 0.2)
    factors = [float(np.float32(rng.uniform(0.7, 1.3))) for _ in range(3)] + [rng.uniform(-0.3, 0.3)]
    order = rng.sample(range(4), 4)
    image = F.resized_crop(image, y, x, crop_h, crop_w, [size, size], InterpolationMode.BILINEAR)
    if flip:
        image = F.hflip(image)
    for jitter in order:
        image = JITTERS[jitter](image, factors[jitter])
    if grey:
        image = F.to_grayscale(image, 3)
    return [x, y, crop_w, crop_h, flip, *order, *factors, grey, size], image


def train_cases(rng):
    for seed in range(100, 160):
        w, h = rng.randint(30, 400), rng.randint(30, 400)
        parameters, image = random_transform(rng, source(w, h, seed), rng.choice([32, 64, 96, 224]))
        yield line("train", w, h, seed, parameters, image)


def some_files(rng):
    """(name, bytes): every format, mode and coding that is read, in odd sizes."""
    def smooth(w, h, seed=1):
        return source(3 * w, 2 * h, seed).resize((w, h), Image.BILINEAR)

    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated; must have no effect
    picture = smooth(33, 27)
    yield "420.jpg", files.jpeg(picture, subsampling=2)
    yield "422.jpg", files.jpeg(picture, subsampling=1)
    yield "444.jpg", files.jpeg(picture, subsampling=0, quality=95)
    yield "progressive.jpg", files.jpeg(picture, progressive=True)
    yield "grey.jpg", files.jpeg(picture.convert("L"))
    yield "grey-progressive.jpg", files.jpeg(picture.convert("L"), progressive=True)
    yield "cmyk.jpg", files.jpeg(picture.convert("CMYK"))
    yield "cmyk-progressive.jpg", files.jpeg(picture.convert("CMYK"), progressive=True)
    yield "oriented.jpg", files.jpeg(picture, exif=exif)
    yield "comment.jpg", files.jpeg(picture, comment=b"a comment", icc_profile=bytes(300), dpi=(72, 72))
    yield "optimised.jpg", files.jpeg(picture, optimize=True, quality=30)
    yield "junk-after-end.jpg", files.jpeg(picture) + bytes(range(50))
    whole = files.jpeg(picture, subsampling=0)
    yield "rgb-by-ids.jpg", files.with_component_ids(whole, b"RGB")
    yield "odd-ids.jpg", files.with_component_ids(whole, bytes([7, 8, 9]))
    yield "no-jfif.jpg", files.without_app(whole)
    yield "adobe-rgb.jpg", files.with_adobe(whole, 0)
    yield "adobe-ycc.jpg", files.with_adobe(whole, 1)
    ink = files.jpeg(picture.convert("CMYK"), quality=90)
    yield "adobe-cmyk.jpg", files.with_adobe(ink, 0)
    yield "adobe-ycck.jpg", files.with_adobe(ink, 2)
    yield "cmyk-without-adobe.jpg", files.without_app(ink)

    names = {0: "444", 1: "422", 2: "420", 3: "grey", 4: "440", 5: "411"}
    for number, name in names.items():
        for w, h in [(1, 1), (2, 3), (8, 8), (16, 9), (17, 16), (rng.randint(18, 61), rng.randint(18, 47))]:
            yield f"turbo-{name}-{w}x{h}.jpg", files.turbo_jpeg(smooth(w, h, number), number)
        w, h = rng.randint(18, 61), rng.randint(18, 47)
        yield f"turbo-{name}-progressive.jpg", files.turbo_jpeg(smooth(w, h, number), number, progressive=True)
        yield f"turbo-{name}-restart-rows.jpg", files.turbo_jpeg(smooth(w, h, number), number, restart="1")
        yield f"turbo-{name}-restart-blocks.jpg", files.turbo_jpeg(smooth(w, h, number), number, restart="2B")
    yield "larger-420.jpg", files.turbo_jpeg(smooth(161, 119), 2, quality=60)
    yield "larger-progressive.jpg", files.turbo_jpeg(smooth(119, 161), 1, quality=60, progressive=True)

    cut = {"baseline": whole, "420": files.jpeg(picture), "progressive": files.jpeg(picture, progressive=True),
           "grey": files.jpeg(picture.convert("L")), "cmyk": ink,
           "restart": files.turbo_jpeg(smooth(40, 40), 2, restart="1")}
    for name, data in cut.items():
        scan = data.index(b"\xFF\xDA") + 16
        for part in (0.02, 0.3, 0.6, 0.9):
            yield f"cut-{name}-{int(100 * part)}.jpg", data[:scan + int(part * (len(data) - scan))]
        yield f"cut-{name}-end.jpg", data[:-2]
    second_tables = cut["progressive"].index(b"\xFF\xC4", cut["progressive"].index(b"\xFF\xDA"))
    yield "cut-in-tables.jpg", cut["progressive"][:second_tables + 8]

    for colour_type, channels in files.PNG_CHANNELS.items():
        for depth in {0: (1, 2, 4, 8, 16), 3: (1, 2, 4, 8)}.get(colour_type, (8, 16)):
            for interlaced in (False, True):
                w, h = rng.randint(1, 61), rng.randint(1, 47)
                samples = np.asarray(smooth(w, h, depth + colour_type))[:, :, [0, 1, 2, 0][:channels]].astype(int)
                samples = samples * 257 * (2**depth - 1) // 65535
                if depth == 16:
                    samples = np.where(samples % 3 == 0, samples // 200, samples)  # also values below 256
                options = {}
                if colour_type == 3:
                    options = {"palette": rng.randbytes(3 * min(200, 2**depth)), "transparency": bytes([0, 128])}
                elif colour_type == 0 and depth != 16:
                    options = {"transparency": b"\0\1"}
                elif colour_type == 2:
                    options = {"transparency": bytes(6)}
                name = f"type{colour_type}-{depth}bit-{'interlaced' if interlaced else 'plain'}.png"
                yield name, files.png(samples, depth, colour_type, interlaced, idat_bytes=100, **options)
    for w, h in [(1, 1), (1, 47), (61, 1), (3, 2), (7, 9)]:
        samples = np.asarray(source(w, h, w)).astype(int)
        yield f"interlaced-{w}x{h}.png", files.png(samples, 8, 2, True)
    small = source(13, 11, 1)
    transparent = small.convert("RGBA")
    transparent.putalpha(small.convert("L"))
    for name, image in {"rgb": small, "grey": small.convert("L"), "bilevel": small.convert("1"),
                        "palette": small.quantize(11), "alpha": transparent, "grey_alpha": transparent.convert("LA"),
                        "deep-grey": small.convert("I")}.items():
        file = io.BytesIO()
        image.save(file, "PNG")
        yield name + ".png", file.getvalue()
    yield "short-palette.png", files.png(np.arange(60).reshape(5, 12, 1) % 4, 8, 3, palette=bytes(range(6)))
    unknown = files.chunk(b"gAMA", bytes([0, 0, 177, 143])) + files.chunk(b"teXt", b"ignored")
    yield "extra-chunks.png", files.png(np.asarray(small).astype(int), 8, 2, chunks=unknown)

    for name, image in {"rgb": small, "palette": small.quantize(11), "grey": small.convert("L"),
                        "bilevel": small.convert("1"), "alpha": transparent}.items():
        file = io.BytesIO()
        image.save(file, "BMP")
        yield name + ".bmp", file.getvalue()
    for w, h in [(1, 1), (5, 4), (31, 7)]:
        indices = np.asarray(source(w, h, 5).convert("L")).astype(int)
        colours = rng.randbytes(4 * 256)
        for bits in (1, 4, 8):
            rows = [files.packed((row * (2**bits - 1) // 255).reshape(-1, 1), bits) for row in indices]
            yield f"{bits}bit-{w}x{h}.bmp", files.bmp(rows, w, bits, colours[:4 * 2**bits], colours=2**bits)
            yield f"{bits}bit-top-down-{w}x{h}.bmp", files.bmp(rows, w, bits, colours[:4 * 2**bits], top_down=True)
            yield f"{bits}bit-os2-{w}x{h}.bmp", files.bmp(rows, w, bits, colours[:3 * 2**bits], header=12)
        wide = [row.astype("<u2") * 257 for row in indices]
        yield f"555-{w}x{h}.bmp", files.bmp([r.tobytes() for r in wide], w, 16)
        yield f"565-{w}x{h}.bmp", files.bmp([r.tobytes() for r in wide], w, 16, masks=(0xF800, 0x7E0, 0x1F))
        pixels = np.asarray(source(w, h, 6).convert("RGBA"))
        rows = [row.tobytes() for row in pixels]
        yield f"32bit-{w}x{h}.bmp", files.bmp(rows, w, 32, top_down=True)
        yield f"rgba-{w}x{h}.bmp", files.bmp(rows, w, 32, masks=(0xFF, 0xFF00, 0xFF0000, 0xFF000000), header=108)
        yield f"xbgr-{w}x{h}.bmp", files.bmp(rows, w, 32, masks=(0xFF000000, 0xFF0000, 0xFF00))
        yield f"24bit-v5-{w}x{h}.bmp", files.bmp([row[:, :3].tobytes() for row in pixels], w, 24, header=124)
    yield "few-colours.bmp", files.bmp([bytes([0, 1, 2, 200])], 4, 8, bytes(range(12)), colours=3)

    for w, h in [(1, 1), (9, 5), (30, 17)]:
        for most in (1, 100, 255, 256, 1000, 65535):
            colour = np.asarray(source(w, h, most)).astype(int) * most // 255
            yield f"most{most}-{w}x{h}.ppm", files.pnm(colour, most)
            yield f"most{most}-{w}x{h}.pgm", files.pnm(colour[:, :, :1] // (1 if most < 1000 else 100), most)
    yield "rgb.ppm", files.pnm(np.asarray(small), 255)
    yield "grey.pgm", files.pnm(np.asarray(small.convert("L"))[:, :, None], 255)
    yield "comments.ppm", files.pnm(np.asarray(small), 255, b"%s # one\n%d\t%d\r\n# two\n  %d\n")

    for w, h in [(1, 1), (5, 3), (23, 19), (61, 47)]:
        image = smooth(w, h, 4).quantize(min(200, w * h))
        for interlace in (0, 1):
            yield f"interlace{interlace}-{w}x{h}.gif", files.gif(image, interlace=interlace)
    image = smooth(23, 19, 4).quantize(40)
    yield "palette.gif", files.gif(small.quantize(11))
    yield "transparent.gif", files.gif(image, transparency=3)
    yield "grey.gif", files.gif(small.convert("L"))
    yield "bilevel.gif", files.gif(small.convert("1"))
    yield "animated.gif", files.gif(image, save_all=True, append_images=[smooth(23, 19, 5).quantize(30)], loop=0)
    yield "small-frame.gif", files.gif_frame_at(files.gif(image), (40, 30), 5, 7)
    yield "small-frame-transparent.gif", files.gif_frame_at(files.gif(image, transparency=3), (40, 30), 17, 0)
    yield "beyond-screen.gif", files.gif_frame_at(files.gif(image), (10, 30), 0, 2)
    noise = np.random.RandomState(1).randint(0, 256, (70, 90), np.uint8)  # fills the code table
    yield "noise.gif", files.gif(Image.fromarray(noise))


def file_cases(rng):
    """For each file what Pillow decodes, and the two transforms of that."""
    folder = HERE / "images"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    warnings.simplefilter("ignore")
    for name, data in some_files(rng):
        assert not (folder / name).exists(), name
        (folder / name).write_bytes(data)
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            Image.open(folder / name).load()
            truncated = 0
        except OSError:
            truncated = 1
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        image = Image.open(folder / name).convert("RGB")
        sums = np.asarray(image).reshape(-1, 3).sum(axis=0)
        yield f"decode {name} {truncated} {image.width} {image.height} {' '.join(map(str, sums))} {crc(image)}"
        yield f"resize {name} 29 31 {crc(F.resize(image, [31, 29], InterpolationMode.BILINEAR))}"
        parameters, result = random_transform(rng, image, 32)
        yield f"train {name} {words(parameters)} {crc(result)}"
    picture = source(69, 38, 3).resize((23, 19), Image.BILINEAR)
    transparent = picture.convert("RGBA")
    transparent.putalpha(picture.convert("L"))
    for name, data in more_files.all_files(random.Random(20261128), picture, transparent):
        assert not (folder / name).exists(), name
        (folder / name).write_bytes(data)
        yield decode_case(name, data)


def decode_case(name, data):
    """From memory: from a file, 9.4 refuses some that end early, for want of a length to map."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        Image.open(io.BytesIO(data)).load()
        truncated = int(name == "lacks-rows.png")  # Pillow does not notice
    except (OSError, SyntaxError):
        truncated = 1
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    image = Image.open(io.BytesIO(data)).convert("RGB")
    sums = np.asarray(image).reshape(-1, 3).sum(axis=0)
    return f"decode {name} {truncated} {image.width} {image.height} {' '.join(map(str, sums))} {crc(image)}"


def main():
    rng = random.Random(20261122)
    lines = [f"# Pillow {pillow}, torchvision {torchvision}; written by make_golden.py"]
    for cases in (resize_cases(rng), crop_cases(rng), colour_cases(rng), train_cases(rng), file_cases(rng)):
        lines += cases
    (HERE / "cases.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(lines) - 1} cases")


if __name__ == "__main__":
    main()
