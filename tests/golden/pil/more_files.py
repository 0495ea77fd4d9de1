"""Files that end early or are damaged, and kinds that some_files() in make_golden.py lacks. Each is a few hundred bytes.

Where Pillow 9.4 has a fault that newer versions do not have (half bytes of run-length BMP in odd numbers), no file
depends on it.
"""
import io
import struct
import zlib

import numpy as np
import sample_files as files
from PIL import Image


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def parts(data, *lengths):
    """(percent, beginning of data)."""
    for percent in lengths:
        yield percent, data[:len(data) * percent // 100]


# --- PNG -------------------------------------------------------------------------------------------------------------

def png_chunks(data):
    """(type, start, end) of each chunk, checksums included."""
    at = 8
    while at < len(data):
        end = at + 12 + struct.unpack(">I", data[at:at + 4])[0]
        yield data[at + 4:at + 8], at, end
        at = end


def with_byte(data, at, value):
    return data[:at] + bytes([value]) + data[at + 1:]


def damaged_png(picture, transparent):
    grey, palette = picture.convert("L"), picture.quantize(40)
    plain = {"rgb": encoded(picture, "PNG"), "grey": encoded(grey, "PNG"), "palette": encoded(palette, "PNG"),
             "bilevel": encoded(picture.convert("1"), "PNG"), "alpha": encoded(transparent, "PNG"),
             "deep": files.png(np.asarray(grey).astype(int)[:, :, None] * 3, 16, 0),
             "interlaced": files.png(np.asarray(picture).astype(int), 8, 2, True),
             "interlaced-palette": files.png(np.asarray(palette).astype(int)[:, :, None] % 16, 4, 3, True,
                                             palette=bytes(range(100, 148)))}
    for name, data in plain.items():
        for percent, part in parts(data, 50, 70, 90):
            yield f"cut-{name}-{percent}.png", part
        yield f"cut-{name}-trailer.png", data[:-16]
    whole = plain["rgb"]
    for cut in (1, 4, 8, 12, 15, 18, 24):
        yield f"cut-by-{cut}.png", whole[:-cut]
    data_chunk = next(chunk for chunk in png_chunks(whole) if chunk[0] == b"IDAT")
    yield "wrong-sum.png", with_byte(whole, data_chunk[2] - 1, whole[data_chunk[2] - 1] ^ 1)
    yield "wrong-adler.png", with_byte(whole, data_chunk[2] - 5, whole[data_chunk[2] - 5] ^ 1)
    yield "wrong-data.png", with_byte(whole, (data_chunk[1] + data_chunk[2]) // 2, 255)
    note = files.chunk(b"tEXt", b"Title\0a note")
    yield "wrong-sum-of-note.png", whole[:33] + with_byte(note, len(note) - 1, 7) + whole[33:]
    rows = np.asarray(picture).astype(int)
    short = files.png(rows[:9], 8, 2)
    header = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 2, 0, 0, 0)
    yield "lacks-rows.png", short[:8] + files.chunk(b"IHDR", header) + short[33:]
    stripes = b"".join(bytes([9 if y == 11 else 0]) + row.astype(np.uint8).tobytes() for y, row in enumerate(rows))
    yield "wrong-filter.png", short[:8] + files.chunk(b"IHDR", header) + files.chunk(b"IDAT", zlib.compress(stripes))
    many = files.png(rows, 8, 2, idat_bytes=90)
    yield "cut-many-parts.png", many[:-270]
    yield "parts-with-note.png", many[:many.index(b"IDAT", 200) - 4] + note + many[many.index(b"IDAT", 200) - 4:]
    yield "no-palette.png", files.png(np.arange(60).reshape(5, 12, 1) % 4, 8, 3)


# --- BMP -------------------------------------------------------------------------------------------------------------

def run_lengths(rows, bits, deltas=False):
    """Runs, listed pixels and, for zeros, jumps. rows: from the bottom."""
    out = b""
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            run = next((i for i in range(x, len(row)) if row[i] != row[x]), len(row)) - x
            if deltas and row[x] == 0 and run > 3 and x + run < len(row):
                out, x = out + bytes([0, 2, run, 0]), x + run
            elif run > 1 or len(row) - x < 5:
                out += bytes([run, row[x] * (17 if bits == 4 else 1)])
                x += run
            else:
                count = 4
                listed = row[x:x + count]
                if bits == 4:
                    listed = [a * 16 + b for a, b in zip(listed[::2], listed[1::2])]
                out += bytes([0, count]) + bytes(listed) + bytes(len(listed) % 2)
                x += count
        out += bytes([0, 0]) if y + 1 < len(rows) else bytes([0, 1])
    return out


def runs_bmp(indices, bits, colours, top_down=False, deltas=False):
    height, width = indices.shape
    data = run_lengths([list(map(int, row)) for row in (indices if top_down else indices[::-1])], bits, deltas)
    info = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, bits, 1 if bits == 8 else 2,
                       len(data), 0, 0, len(colours) // 4, 0)
    offset = 14 + 40 + len(colours)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + colours + data


def more_bmp(rng, picture):
    colours = rng.randbytes(4 * 256)
    steps = np.asarray(picture.convert("L")).astype(int) // 40 * 3 % 16
    for bits in (4, 8):
        palette = colours[:4 * 2**bits]
        yield f"runs-{bits}bit.bmp", runs_bmp(steps, bits, palette)
        yield f"runs-{bits}bit-top-down.bmp", runs_bmp(steps, bits, palette, top_down=True)
        yield f"runs-{bits}bit-jumps.bmp", runs_bmp(steps, bits, palette, deltas=True)
    pixels = np.asarray(picture.convert("RGBA"))
    rows = {"8bit": ([row.astype(np.uint8).tobytes() for row in steps], 8, {"palette": colours, "colours": 256}),
            "1bit": ([files.packed(row.reshape(-1, 1) % 2, 1) for row in steps], 1,
                     {"palette": colours[:8], "colours": 2}),
            "24bit": ([row[:, :3].tobytes() for row in pixels], 24, {}),
            "32bit": ([row.tobytes() for row in pixels], 32, {"masks": (0xFF0000, 0xFF00, 0xFF)}),
            "16bit-top-down": ([(row[:, :2]).tobytes() for row in pixels], 16, {"top_down": True})}
    for name, (lines, bits, options) in rows.items():
        data = files.bmp(lines, len(steps[0]), bits, **options)
        start = struct.unpack("<I", data[10:14])[0]
        for percent in (0, 40, 97):
            yield f"cut-{name}-{percent}.bmp", data[:start + (len(data) - start) * percent // 100]
    yield "cut-in-palette.bmp", files.bmp(*rows["8bit"][:1], len(steps[0]), 8, palette=colours, colours=256)[:400]
    lines = [row[:, :3].tobytes() for row in pixels]
    yield "os2-64.bmp", files.bmp(lines, len(steps[0]), 24, header=64)
    for name, (row_bytes, bits) in {"no-offset-24bit": (lines, 24), "no-offset-8bit": (rows["8bit"][0], 8)}.items():
        data = files.bmp(row_bytes, len(steps[0]), bits, palette=colours if bits == 8 else b"", colours=256 if bits == 8 else 0)
        yield name + ".bmp", data[:10] + bytes(4) + data[14:]


# --- PNM, GIF --------------------------------------------------------------------------------------------------------

def more_pnm(picture):
    grey = np.asarray(picture.convert("L")).astype(int)
    bits, size = grey > 100, b"%d %d\n" % (picture.width, picture.height)
    packed = b"".join(np.packbits(row).tobytes() for row in bits)
    yield "bits.pbm", b"P4\n" + size + packed
    yield "cut-bits.pbm", b"P4\n" + size + packed[:-9]
    yield "text-bits.pbm", b"P1\n# spaces are optional\n" + size + b"\n".join(
        b"".join(b"%d" % bit for bit in row) for row in bits)
    for most in (15, 255, 1000, 65535):
        values = grey * most // 255 // (1 if most < 1000 else 100)
        yield f"text-{most}.pgm", b"P2\n%s%d\n" % (size, most) + b"\n".join(
            b" ".join(b"%d" % value for value in row) for row in values) + b"\n"
    colour = np.asarray(picture).astype(int)
    for most in (255, 700):
        yield f"text-{most}.ppm", b"P3 # a comment\n%s%d\n" % (size, most) + b"\n# another\n".join(
            b" ".join(b"%d" % value for value in row.ravel() * most // 255) for row in colour)
    for name, data in {"rgb.ppm": files.pnm(colour, 255), "grey.pgm": files.pnm(grey[:, :, None], 255),
                       "deep.pgm": files.pnm(grey[:, :, None] * 2, 65535)}.items():
        for percent, part in parts(data, 30, 95):
            yield f"cut-{percent}-{name}", part


def gif_of_codes(indices, bits, palette, local=False, interlaced=False, stop=None):
    """Codes of `bits` + 1 bits throughout: the table is cleared before it grows."""
    height, width = indices.shape
    order = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
    flat = indices[order if interlaced else slice(None)].ravel()[:stop]
    clear, number, length = 1 << bits, 0, 0
    every = 1 if bits == 1 else clear - 3
    for i, index in enumerate(flat):
        for code in ([clear] if i % every == 0 else []) + [int(index)]:
            number |= code << length
            length += bits + 1
    number |= (clear + 1) << length
    data = number.to_bytes((length + bits + 8) // 8, "little")
    table = len(palette).bit_length() - 3  # 3 << (table + 1) bytes
    blocks = b"".join(bytes([len(data[at:at + 255])]) + data[at:at + 255] for at in range(0, len(data), 255))
    flags = (0x80 | table if local else 0) | (0x40 if interlaced else 0)
    return (b"GIF89a" + struct.pack("<HHBBB", width, height, 0 if local else 0x80 | table, 0, 0)
            + (b"" if local else palette) + b"," + struct.pack("<HHHHB", 0, 0, width, height, flags)
            + (palette if local else b"") + bytes([bits]) + blocks + b"\0;")


def more_gif(rng, picture):
    indices = np.asarray(picture.convert("L")).astype(int)
    colours = rng.randbytes(768)
    for bits in (1, 2, 5, 8, 9, 10, 11, 12):
        most = min(256, 2**bits)
        yield f"codes-{bits}.gif", gif_of_codes(indices * most // 256, bits, colours[:3 * max(most, 2)])
    yield "local-palette.gif", gif_of_codes(indices // 16, 4, colours[:48], local=True)
    yield "index-beyond-palette.gif", gif_of_codes(indices // 8, 8, colours[:12])
    yield "end-code-early.gif", gif_of_codes(indices // 16, 4, colours[:48], stop=200)
    image = picture.quantize(60)
    for name, data in {"plain": files.gif(image, interlace=0), "interlaced": files.gif(image, interlace=1),
                       "transparent": files.gif(image, transparency=3),
                       "small": files.gif_frame_at(files.gif(image), (50, 40), 5, 7),
                       "blocks": gif_of_codes(indices, 8, colours)}.items():
        for percent, part in parts(data, 80, 90, 98):
            yield f"cut-{name}-{percent}.gif", part
    noise = np.asarray(picture.convert("L"))
    data = files.gif(Image.fromarray(noise))
    yield "wrong-code.gif", with_byte(with_byte(data, len(data) // 2, 255), len(data) // 2 + 1, 255)


# --- WebP, TIFF ------------------------------------------------------------------------------------------------------

def webp(picture, transparent):
    yield "lossy.webp", encoded(picture, "WEBP", quality=60)
    yield "lossless.webp", encoded(picture, "WEBP", lossless=True)
    yield "alpha.webp", encoded(transparent, "WEBP", quality=70)
    yield "alpha-lossless.webp", encoded(transparent, "WEBP", lossless=True, exact=True)
    yield "animated.webp", encoded(picture, "WEBP", save_all=True, append_images=[picture.rotate(90)], lossless=True)
    yield "tagged.webp", encoded(picture, "WEBP", exif=b"Exif\0\0" + bytes(20), icc_profile=bytes(200), quality=20)


def tiff(blocks, fields, order="<", big=False):
    """blocks: bytes of each strip or tile, which stand at the end. fields: tag to a number or a list; 258 to 339."""
    tiled = 322 in fields
    fields = dict(fields)
    fields[324 if tiled else 273] = [0] * len(blocks)
    fields[325 if tiled else 279] = [len(block) for block in blocks]
    for offset_pass in (0, 1):
        entries, extra = b"", b""
        start = (16 + 8 if big else 8 + 2) + len(fields) * (20 if big else 12) + (8 if big else 4)
        for tag, value in sorted(fields.items()):
            values = value if isinstance(value, list) else [value]
            wide = tag in (256, 257, 273, 278, 279, 324, 325)
            data = struct.pack(f"{order}{len(values)}{'I' if wide else 'H'}", *values)
            room = 8 if big else 4
            if len(data) > room:
                entry, extra = struct.pack(order + ("Q" if big else "I"), start + len(extra)), extra + data
            else:
                entry = data + bytes(room - len(data))
            entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, 4 if wide else 3, len(values)) + entry
        at = start + len(extra)
        offsets = []
        for block in blocks:
            offsets.append(at)
            at += len(block)
        fields[324 if tiled else 273] = offsets
    mark = b"II" if order == "<" else b"MM"
    head = (mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, len(fields)) if big
            else mark + struct.pack(order + "HIH", 42, 8, len(fields)))
    return head + entries + bytes(8 if big else 4) + extra + b"".join(blocks)


def raw_tiff(samples, bits, photometric, order="<", rows=7, big=False, **fields):
    """samples: (height, width, channels)."""
    height, width, channels = samples.shape
    kind = {8: "u1", 16: order + "u2", 32: order + "i4"}.get(bits)
    lines = [row.astype(kind).tobytes() if kind else files.packed(row, bits) for row in samples]
    tags = {256: width, 257: height, 258: [bits] * channels, 259: 1, 262: photometric, 277: channels, 278: rows,
            **{int(tag[1:]): value for tag, value in fields.items()}}
    return tiff([b"".join(lines[y:y + rows]) for y in range(0, height, rows)], tags, order, big)


def tiffs(picture, transparent):
    grey, palette, ink = picture.convert("L"), picture.quantize(50), picture.convert("CMYK")
    kinds = {"rgb": picture, "grey": grey, "palette": palette, "bilevel": picture.convert("1"), "alpha": transparent,
             "cmyk": ink}
    for name, image in kinds.items():
        for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
            yield f"{name}-{compression.split('_')[-1]}.tif", encoded(image, "TIFF", compression=compression)
    for compression in ("group3", "group4"):
        yield compression + ".tif", encoded(kinds["bilevel"], "TIFF", compression=compression)
    yield "jpeg.tif", encoded(picture, "TIFF", compression="jpeg")
    yield "jpeg-grey.tif", encoded(grey, "TIFF", compression="jpeg")
    yield "jpeg-ycbcr.tif", encoded(picture.convert("YCbCr"), "TIFF", compression="jpeg")
    yield "deep-grey-lzw.tif", encoded(Image.fromarray(np.asarray(grey).astype(np.uint16) * 2), "TIFF",
                                       compression="tiff_lzw")
    yield "pages.tif", encoded(picture, "TIFF", save_all=True, append_images=[grey], compression="tiff_lzw")
    colour, level = np.asarray(picture).astype(int), np.asarray(grey).astype(int)[:, :, None]
    four = np.asarray(transparent).astype(int)
    for order, name in (("<", "little"), (">", "big")):
        yield f"raw-{name}.tif", raw_tiff(colour, 8, 2, order)
        yield f"raw-deep-{name}.tif", raw_tiff(colour * 257 - 3 * (colour > 9), 16, 2, order)
        yield f"raw-deep-grey-{name}.tif", raw_tiff(level * 2, 16, 1, order)
        yield f"raw-int-{name}.tif", raw_tiff(level * 3 - 200, 32, 1, order, t339=2)
    yield "raw-bigtiff.tif", raw_tiff(colour, 8, 2, big=True)
    for bits in (1, 2, 4, 8):
        for photometric in (0, 1):
            yield f"raw-{bits}bit-{photometric}.tif", raw_tiff(level >> (8 - bits), bits, photometric)
        colours = [int(v) * 257 for v in np.random.RandomState(bits).randint(0, 256, 3 * 2**bits)]
        yield f"raw-palette-{bits}bit.tif", raw_tiff(level >> (8 - bits), bits, 3, t320=colours)
    yield "raw-reversed-bits.tif", raw_tiff(level >> 7, 1, 1, t266=2)
    yield "raw-alpha.tif", raw_tiff(four, 8, 2, t338=2)
    yield "raw-unspecified.tif", raw_tiff(four, 8, 2, t338=0)
    premultiplied = np.concatenate([four[:, :, :3] * four[:, :, 3:] // 255, four[:, :, 3:]], axis=2)
    yield "raw-premultiplied.tif", raw_tiff(premultiplied, 8, 2, t338=1)
    yield "raw-premultiplied-deep.tif", raw_tiff(premultiplied * 257, 16, 2, t338=1)
    yield "raw-cmyk.tif", raw_tiff(np.asarray(ink).astype(int), 8, 5)
    for orientation in range(2, 9):
        yield f"orientation-{orientation}.tif", raw_tiff(level, 8, 1, t274=orientation)
    height, width = level.shape[:2]
    padded = np.zeros((-(-height // 16) * 16, -(-width // 16) * 16, 3), np.uint8)
    padded[:height, :width] = colour
    tiles = [padded[y:y + 16, x:x + 16] for y in range(0, height, 16) for x in range(0, width, 16)]
    tags = {256: width, 257: height, 258: [8, 8, 8], 262: 2, 277: 3, 322: 16, 323: 16}
    yield "tiles.tif", tiff([tile.tobytes() for tile in tiles], {**tags, 259: 1})
    yield "tiles-deflate.tif", tiff([zlib.compress(tile.tobytes()) for tile in tiles], {**tags, 259: 8})
    planes = [colour[:, :, c].astype(np.uint8).tobytes() for c in range(3)]
    tags = {256: width, 257: height, 258: [8, 8, 8], 262: 2, 277: 3, 278: height, 284: 2}
    yield "planes.tif", tiff(planes, {**tags, 259: 1})
    yield "planes-deflate.tif", tiff([zlib.compress(plane) for plane in planes], {**tags, 259: 8})
    for percent, part in parts(raw_tiff(colour, 8, 2), 40, 97):
        yield f"cut-raw-{percent}.tif", part
    for percent, part in parts(raw_tiff(level, 8, 1, rows=100), 60):
        yield f"cut-raw-grey-{percent}.tif", part


def all_files(rng, picture, transparent):
    yield from damaged_png(picture, transparent)
    yield from more_bmp(rng, picture)
    yield from more_pnm(picture)
    yield from more_gif(rng, picture)
    yield from webp(picture, transparent)
    yield from tiffs(picture, transparent)
