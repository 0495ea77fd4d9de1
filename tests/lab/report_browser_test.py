#!/usr/bin/env python3
"""The report of made-up runs in a real browser: wide and narrow, light and dark. A script put into a copy of the page
looks for what overflows, is empty or overlaps; a screenshot must show more than one colour.

    report_browser_test.py DGSAM_RUN [FOLDER]    keeps page and screenshots in FOLDER

Exits with 77 (skipped) where there is no chromium."""

import html
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

sys.dont_write_bytecode = True
import report_fixture  # noqa: E402

LARGEST_PAGE = 3_000_000  # bytes, of 60 runs

CHECK = r"""
<script>
addEventListener('load', () => {
  const problems = [], name = e => e.tagName.toLowerCase() + ' ' + (e.id || e.textContent.trim().slice(0, 40));
  const check = (good, what, e) => { if (!good) problems.push(what + (e ? ': ' + name(e) : '')); };
  const all = selector => [...document.querySelectorAll(selector)];
  for (const open of [false, true]) {
    all('details').forEach(e => e.open = open);
    const width = document.documentElement.scrollWidth;
    check(width <= innerWidth, `the page is ${width} wide in a window of ${innerWidth}, details ${open}`);
  }
  for (const e of all('svg, img')) {
    const box = e.getBoundingClientRect();
    check(box.width >= 8 && box.height >= 8, 'no size', e);
    check(e.getAttribute('alt') || e.getAttribute('aria-label'), 'no description', e);
  }
  for (const e of all('img')) check(e.complete && e.naturalWidth > 0, 'not decoded', e);
  for (const e of all('svg')) {
    check(e.querySelector('path, rect, circle'), 'an empty drawing', e);
    const texts = [...e.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    texts.forEach(([t, a], i) => {
      check(e.closest('.scroll') || (a.left >= 0 && a.right <= innerWidth), 'text beyond the page', t);
      for (const [u, b] of texts.slice(i + 1)) {
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        check(x < 2 || y < 4, `text over "${u.textContent}"`, t);
      }
    });
  }
  for (const e of all('section, figure, table, details, ul, li, p, pre, h1, h2, h3, caption, tbody, tr')) {
    check(e.textContent.trim() || e.querySelector('img, svg'), 'nothing inside', e);
  }
  for (const e of all('tbody td, th')) check(e.textContent.trim() || e.querySelector('svg'), 'an empty cell', e.closest('tr'));
  for (const e of all('td, th, li, p, summary, figcaption, pre')) {
    const clipped = e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'visible';
    check(!clipped || e.closest('.scroll, svg'), 'text wider than its box', e);
  }
  check(!/\bNaN\b|\bnan\b|\binf\b|undefined|\bnull\b/.test(document.querySelector('main').innerText), 'a number that is none');
  let level = 0;
  for (const e of all('h1, h2, h3')) {
    check(+e.tagName[1] <= level + 1, 'a heading skips a level', e);
    level = +e.tagName[1];
  }
  for (const e of all('a[href^="#"]')) check(document.getElementById(e.hash.slice(1)), 'a link to nowhere', e);
  const ids = all('[id]').map(e => e.id);
  check(new Set(ids).size === ids.length, 'an id twice');
  for (const e of all('*')) {
    if (/auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth) {
      check(e.tabIndex >= 0, 'scrolls, but not by keyboard', e);
    }
  }
  const first = document.querySelector('a, summary, [tabindex]');
  first.focus();
  check(first.className === 'skip' && first.getBoundingClientRect().left >= 0, 'no skip link at first');
  const result = document.createElement('pre');
  result.id = 'browser-check';
  result.textContent = JSON.stringify({problems, width: innerWidth, dark: matchMedia('(prefers-color-scheme: dark)').matches,
    drawings: all('svg').length, images: all('img').length, tables: all('table').length,
    background: getComputedStyle(document.body).backgroundColor});
  document.body.append(result);
});
</script>
"""

TAKE_OUT = """
<script>
addEventListener('load', () => setTimeout(() => document.body.append(
    document.querySelector('iframe').contentDocument.getElementById('browser-check').cloneNode(true)), 200));
</script>
"""


def browser():
    return next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)


def run_browser(profile, page, width, height, dark, *arguments):
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
               f"--user-data-dir={profile}", f"--window-size={width},{height}",
               f"--blink-settings=preferredColorScheme={0 if dark else 1}", *arguments, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def frame(folder, page, width, height):
    """A page that holds `page` in a frame of a phone's width: a window of the browser cannot be as narrow."""
    outer = folder / f"frame-{width}-{page.name}"
    outer.write_text(f'<!DOCTYPE html><style>body{{margin:0}}iframe{{border:0;width:{width}px;height:{height}px}}</style>'
                     f'<iframe src="{page.name}"></iframe>')
    return outer


def different_lines(path):
    """How many lines of a PNG differ, as they are stored: few when it is of one colour."""
    data = path.read_bytes()
    width, _, _, kind = struct.unpack(">IIBB", data[16:26])
    packed, at = b"", 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        if name == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    raw, stride = zlib.decompress(packed), width * (3 if kind == 2 else 4) + 1
    return len({raw[i:i + stride] for i in range(0, len(raw), stride)})


def checked(text):
    return text.replace("</body>", CHECK + "</body>")


def main():
    if browser() is None:
        print("skipped: there is no chromium")
        return 77
    binary = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else temporary).resolve()
        report_fixture.make(folder)
        done = subprocess.run([binary, "report", folder / "sweep", "--samples", folder / "data"], check=True, text=True,
                              capture_output=True, timeout=60)
        assert "1 run(s) not done" in done.stderr and "t9-h0" in done.stderr, done.stderr
        page = folder / "sweep" / "report.html"
        text = page.read_text()
        assert len(text) < LARGEST_PAGE, f"the page of 60 runs has {len(text)} bytes"
        outside = [url for url in re.findall(r'(?:src|href)="([^"]*)"', text) if not url.startswith(("#", "data:"))]
        assert "<script" not in text and "url(" not in text and not outside, outside
        (folder / "plain.html").write_text(text)
        (folder / "checked.html").write_text(checked(text))
        planted = '<section style="width:3000px"><h4>NaN</h4><figure></figure><svg></svg><img src="data:," alt="x"></section>'
        (folder / "broken.html").write_text(checked(text.replace("</main>", planted + "</main>")))
        found = " ".join(look(folder, "broken.html", 1280, 1000, False)["problems"])
        for problem in ("is 3", "not decoded", "nothing inside", "an empty drawing", "a number that is none"):
            assert problem in found, f"what was planted is not found: {problem} in {found}"
        results = [check(folder, *size, dark) for size in ((1280, 1000), (390, 844)) for dark in (False, True)]
        return 0 if all(results) else 1


def look(folder, name, width, height, dark):
    """What the script in a page found."""
    arguments = ["--allow-file-access-from-files", "--dump-dom"]
    page = folder / name
    if width < 600:
        # The frame's document is not part of the dump: a script takes the result out of it.
        page = frame(folder, page, width, height)
        page.write_text(page.read_text() + TAKE_OUT)
        arguments.append("--virtual-time-budget=10000")
    dom = run_browser(folder / "profile", page, max(width, 600), height, dark, *arguments)
    found = re.search(r'<pre id="browser-check">(.*?)</pre>', dom, re.S)
    assert found, f"{name}: the script in the page did not run"
    return json.loads(html.unescape(found[1]))


def check(folder, width, height, dark):
    """Prints what is wrong at one size in one theme; whether nothing is."""
    theme = "dark" if dark else "light"
    result = look(folder, "checked.html", width, height, dark)
    assert result["width"] == width and result["dark"] == dark, f"{width} px, {theme}: the browser shows {result}"
    picture = folder / f"report-{width}-{theme}.png"
    shown = folder / "plain.html" if width >= 600 else frame(folder, folder / "plain.html", width, height)
    run_browser(folder / "profile", shown, max(width, 600), height, dark, f"--screenshot={picture}")
    problems = result["problems"]
    if result["drawings"] < 50 or result["images"] < 100 or result["tables"] < 20:
        problems.append("parts are missing")
    if different_lines(picture) < 100:
        problems.append("the screenshot is almost of one colour")
    for problem in problems[:20]:
        print(f"{width} px, {theme}: {problem}")
    print(f"{width} px, {theme}: {result['drawings']} drawings, {result['images']} images, {result['tables']} tables, "
          f"{len(problems)} problems")
    return not problems


if __name__ == "__main__":
    sys.exit(main())
