"""The report says what was done and what it cost; a name in it is text, not markup."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from nbconvert.filters import markdown2html

import fp8lab
from fp8lab.exports import archive, report
from tests.exported import SAME, members, run, unpack

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((6, 256)) * [[1], [10], [1e-3], [1], [5], [1]]).astype("f4")


def test_the_report_gives_the_numbers_of_the_package():
    x = X.copy()
    x[0, :2] = np.nan, np.inf
    q = fp8lab.quantize(x, "E4M3FN", "1x128", scale_dtype="e8m0", scale_rule="even")
    text = report(x, "w", q, note="read in part")
    split = fp8lab.error_split(x, q)
    for words in (
        "# `w` in E4M3FN\n",
        f"Made by fp8lab {fp8lab.__version__}.",
        "6 x 256, 1,536 elements of float32",
        "2 of them NaN or infinite",
        "- read in part\n",
        "1 sign, 4 exponent, 3 mantissa bits, largest value 448",
        "granularity: 1x128, one scale for 1 x 128 elements",
        "e8m0, a power of two from the group's amax by the rule even",
        "x ~ decode(code) * scale",
        "encode(x / scale), rounding: nearest-even",
        "overflow policy: cuda",
        f"SQNR: {fp8lab.sqnr_db(x, q):.2f} dB",
        f"norm(x): {fp8lab.relative_rms(x, q):.4%}",
        f"| {split.clipping.count:,} | {split.clipping.of_error:.2%} |",
        f"| {split.outliers.count:,} | {split.outliers.of_error:.2%} |",
        f"| {split.underflow.count:,} | {split.underflow.of_error:.2%} |",
        "x: 6,144 bytes",
        "codes: 1,536 bytes at 8 bits",
        "scales: 12 bytes",
        f"{q.bits_per_element:.4g} bits an element",
        r"scale \[r // 1, c // 128\]",
    ):
        assert words in text, words
    assert split.clipping.count > 0
    assert (
        text == members(archive(x, "w", q, note="read in part"))["report.md"].decode()
    )


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({}, "float32, the group's amax / 448"),
        ({"scale": 0.5}, "float32, given as 0.5"),
        ({"amax": X.max(1, keepdims=True), "group": (1, -1)}, "float32, given\n"),
        ({"fmt": "INT8"}, "overflow policy: saturate"),
        ({"fmt": "INT4"}, "codes: 768 bytes at 4 bits"),
    ],
)
def test_the_report_says_where_the_scales_are_from(keywords, words):
    assert words in report(X, "w", fp8lab.quantize(X, **keywords))


def test_scales_count_where_every_code_is_zero():
    x = np.zeros(3)
    assert "float32, given as 2.0" in report(x, "w", fp8lab.quantize(x, scale=2.0))


def test_a_float64_is_not_measured_in_float32():
    x = np.array([1e39, 2.9e38, 1.0])
    q = fp8lab.quantize(x)
    y = q.dequantize(np.float64)
    assert f"SQNR: {fp8lab.sqnr_db(x, y):.2f} dB" in report(x, "w", q)


def test_the_largest_float64_is_no_warning():
    x = np.array([1e308, -1e308, 1.0])
    assert "SQNR" in report(x, "w", fp8lab.quantize(x))


NASTY = [
    "<img src=x onerror=alert(1)>",
    "</code><script>alert(1)</script>",
    "a\nb\n\n# heading\n<b>",
    "a\r\n\u2028\u2029<b>",
    "`", "``", "a`b", "`<b>`", " ` <b> ` ", "```\n<b>\n```", "\\`<b>", "", " ",
    "![x](javascript:alert(1))", "[x](http://x)", "**x** _y_ | z", "&lt;b&gt;",
    "\ud800<b>", "n" * 10_000, "'''\"\"\"\\", "é ‮",
]  # fmt: skip


class Tags(HTMLParser):
    """Which tags and links a page has, and the text of its first heading."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.heading, self.inside = "", False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:  # noqa: ARG002 # the parser gives them
        self.tags.add(tag)
        self.inside = tag == "h1" or (self.inside and tag == "code")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "h1"

    def handle_data(self, data: str) -> None:
        self.heading += data if self.inside else ""


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_a_name_is_text_wherever_it_goes(tmp_path, name):
    x = np.ones(3)
    q = fp8lab.quantize(x)
    found = members(archive(x, name, q, note=name))
    text = found["report.md"].decode()
    assert len(text) < 20_000
    page = Tags(markdown2html(text))
    plain_page = Tags(markdown2html(report(x, "w", q, note="n")))
    assert page.tags == plain_page.tags
    wanted = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name[:200])
    if name.strip():
        assert re.sub(r"\s+", "", wanted) in re.sub(r"\s+", "", page.heading)
    np.save(tmp_path / "x.npy", x)
    unpack(archive(x, name, q, note=name), tmp_path)
    assert found["reproduce.py"].isascii()
    assert run(tmp_path, "x.npy").stdout == SAME
