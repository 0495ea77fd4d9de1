"""Encoded images of every kind that dgsam reads, most of them kinds that Pillow can read but not write.

Everything is derived from its arguments, so that files differ between runs only if an encoder's version does. The
chroma subsamplings and restart markers that Pillow cannot write come from libturbojpeg (Debian's libturbojpeg0).
"""
import ctypes
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image


# --- JPEG ------------------------------------------------------------------------------------------------------------

def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def turbo_jpeg(image, subsampling, quality=80, progressive=False, restart=None):
    """Subsamplings of TurboJPEG: 0 4:4:4, 1 4:2:2, 2 4:2:0, 3 grey, 4 4:4:0, 5 4:1:1. `restart`: "2" rows or "3B" blocks."""
    turbo = ctypes.CDLL("libturbojpeg.so.0")
    turbo.tjInitCompress.restype = ctypes.c_void_p
    if restart:
        os.environ["TJ_RESTART"] = restart
    else:
        os.environ.pop("TJ_RESTART", None)
    out, length = ctypes.c_void_p(), ctypes.c_ulong()
    pixels = image.convert("RGB").tobytes()
    progressive_flag, accurate_dct = 16384, 4096
    handle = ctypes.c_void_p(turbo.tjInitCompress())
    failed = turbo.tjCompress2(handle, pixels, image.width, 0, image.height, 0, ctypes.byref(out), ctypes.byref(length),
                               subsampling, quality, accurate_dct | (progressive_flag if progressive else 0))
    assert not failed
    data = ctypes.string_at(out, length.value)
    turbo.tjFree(out)
    turbo.tjDestroy(handle)
    return data


def segments(data):
    """(marker, start, end) of the segments up to the first scan."""
    at = 2
    while True:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        yield marker, at, at + 2 + length
        if marker == 0xDA:
            return
        at += 2 + length


def without_app(data):
    for marker, start, end in reversed([s for s in segments(data) if 0xE0 <= s[0] <= 0xEF]):
        data = data[:start] + data[end:]
    return data


def with_adobe(data, transform):
    """transform 0: RGB or CMYK as stored, 1: YCbCr, 2: YCCK."""
    marker = b"\xFF\xEE" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform)
    return data[:2] + marker + without_app(data)[2:]


def with_component_ids(data, ids):
    data = bytearray(without_app(data))
    for marker, start, _ in list(segments(bytes(data))):
        if marker in (0xC0, 0xC2):
            for i, number in enumerate(ids):
                data[start + 10 + 3 * i] = number
        if marker == 0xDA:
            for i, number in enumerate(ids):
                data[start + 5 + 2 * i] = number
    return bytes(data)


# --- PNG -------------------------------------------------------------------------------------------------------------

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(row, depth):
    """A row of samples (width, channels) as PNG stores it."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = np.unpackbits(row.reshape(-1, 1).astype(np.uint8), axis=1)[:, 8 - depth:]
    return np.packbits(bits.reshape(-1)).tobytes()


def filtered(rows, pixel_bytes):
    """Every row with another of PNG's five filters."""
    out, above = b"", None
    for y, row in enumerate(rows):
        row = np.frombuffer(row, np.uint8).astype(int)
        up = above if above is not None else np.zeros_like(row)
        left = np.concatenate([np.zeros(pixel_bytes, int), row])[:len(row)]
        corner = np.concatenate([np.zeros(pixel_bytes, int), up])[:len(row)]
        estimate = left + up - corner
        distances = [abs(estimate - left), abs(estimate - up), abs(estimate - corner)]
        paeth = np.where((distances[0] <= distances[1]) & (distances[0] <= distances[2]), left,
                         np.where(distances[1] <= distances[2], up, corner))
        kind = (y + len(rows)) % 5
        base = [np.zeros_like(row), left, up, (left + up) // 2, paeth][kind]
        out += bytes([kind]) + ((row - base) % 256).astype(np.uint8).tobytes()
        above = row
    return out


def png(samples, depth, colour_type, interlaced=False, palette=None, transparency=None, chunks=b"", idat_bytes=1 << 20):
    """samples: (height, width, channels) below 2^depth."""
    height, width, channels = samples.shape
    assert channels == PNG_CHANNELS[colour_type]
    data = b""
    for x, y, step_x, step_y in (ADAM7 if interlaced else [(0, 0, 1, 1)]):
        part = samples[y::step_y, x::step_x]
        if part.size:
            data += filtered([packed(row, depth) for row in part], max(1, channels * depth // 8))
    packed_data = zlib.compress(data, 9)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced))
    out += chunks
    if palette is not None:
        out += chunk(b"PLTE", bytes(palette))
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    for at in range(0, len(packed_data), idat_bytes):
        out += chunk(b"IDAT", packed_data[at:at + idat_bytes])
    return out + chunk(b"IEND", b"")


# --- BMP, PNM, GIF ---------------------------------------------------------------------------------------------------

def bmp(rows, width, bits, palette=b"", colours=0, header=40, masks=(), top_down=False):
    """rows: bytes of each row from the top, unpadded. masks: of red, green, blue (and alpha), as 32-bit numbers."""
    height = len(rows)
    rows = [row + bytes(-len(row) % 4) for row in (rows if top_down else rows[::-1])]
    body = b"".join(struct.pack("<I", mask) for mask in masks)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, bits, 3 if masks else 0, 0, 0, 0,
                           colours, 0)
        extra = header - 40
        if extra:  # masks live inside a long header
            info = struct.pack("<I", header) + info[4:] + body + bytes(extra - len(body))
            body = b""
    offset = 14 + len(info) + len(body) + len(palette)
    data = b"".join(rows)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + body + palette + data


def pnm(samples, most, header=b"%s\n%d %d\n%d\n"):
    height, width, channels = samples.shape
    kind = b"P5" if channels == 1 else b"P6"
    return header % (kind, width, height, most) + samples.astype(">u2" if most > 255 else np.uint8).tobytes()


def gif(image, **options):
    file = io.BytesIO()
    image.save(file, "GIF", **options)
    return file.getvalue()


def gif_frame_at(data, screen, x, y):
    """The same frame on a larger screen."""
    at = data.index(b",", 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 13))
    return data[:6] + struct.pack("<HH", *screen) + data[10:at + 1] + struct.pack("<HH", x, y) + data[at + 5:]
