"""Files that cannot be read, and a Python that does not come: one sentence each."""

import io
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect
from safetensors.numpy import save

from tests.browser.site import Site
from tests.browser.web_page import WebPage

pytestmark = pytest.mark.browser


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def safetensors(header: dict | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def huge_header() -> bytes:
    """Announce a header of 2 GB, in .npy version 2."""
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31 - 1) + b"{'descr': '<f4'"


EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
GOOD = npy(np.ones((3, 5), np.float32))
BAD_FILES = {
    "truncated.npy": (npy(np.ones((64, 64), np.float32))[:-100], "bytes"),
    "pickle.npy": (npy(np.array([{"a": 1}, None], dtype=object)), "object"),
    "header.npy": (huge_header(), "header"),
    "nan.csv": (b"nan,nan\nnan,nan\n", "nothing but nan"),
    "liar.safetensors": (
        safetensors({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 10**9]}}),
        "w",
    ),
    "model.bin": (pickle.dumps({"w": [1, 2]}), "pickle"),
    "empty.npy": (b"", "empty"),
    "page.csv": (b"<!doctype html><p>no numbers", ""),
}


def test_bad_files_give_one_sentence_each(browser: Browser, site: Site) -> None:
    with WebPage(browser, site.url) as shown:
        shown.open("#quantize")
        for name, (content, word) in BAD_FILES.items():
            shown.drop("good.npy", GOOD)
            assert "3 × 5" in shown.about
            shown.drop(name, content)
            alert = shown.page.get_by_role("alert").locator("visible=true")
            expect(alert).to_have_count(1)
            expect(alert).to_contain_text(word)
            said = alert.inner_text()
            assert 20 < len(said) < 400, said
            assert "Traceback" not in said
            # What was there before is still there, and still works.
            assert "3 × 5" in shown.about
        shown.drop("good.npy", GOOD)
        expect(shown.notice).to_be_hidden()
        assert shown.console_errors == []


def test_names_in_a_file_are_text(browser: Browser, site: Site) -> None:
    content = save({EVIL: np.ones((2, 2), np.float32), "b": np.ones(3, np.float32)})
    with WebPage(browser, site.url) as shown:
        shown.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        shown.open("#quantize")
        shown.drop("model.safetensors", content)
        shown.page.locator(".chooser select:visible").select_option(EVIL)
        shown.settle()
        assert EVIL in shown.about
        assert shown.page.locator("main img, main script").count() == 0
        shown.screenshot("names-are-text")
        assert shown.console_errors == []


def test_a_file_larger_than_memory_is_opened_by_its_header(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """Six gigabytes with a tensor at the far end: only what is needed is read."""
    gap, tensor = 6 * 2**30, np.arange(8, dtype=np.float32)
    header = {
        "far": {"dtype": "F32", "shape": [8], "data_offsets": [gap, gap + 32]},
        "gap": {"dtype": "I8", "shape": [gap], "data_offsets": [0, gap]},
    }
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.write(safetensors(header))
        file.seek(gap, io.SEEK_CUR)
        file.write(tensor.tobytes())
    with WebPage(browser, site.url) as shown:
        shown.open("#quantize")
        shown.page.locator("input[type=file]").first.set_input_files(path)
        shown.page.locator(".chooser select:visible").select_option("far")
        shown.settle()
        assert "far" in shown.about


def fulfilled(status: int = 200, body: bytes = b"") -> object:
    return lambda route: route.fulfill(status=status, body=body)


def other_bytes(route: Route) -> None:
    response = route.fetch()
    body = bytearray(response.body())
    body[len(body) // 2] ^= 1
    route.fulfill(response=response, body=bytes(body))


FAILURES = {
    "no-wheel": ("**/fp8lab-*.whl*", fulfilled(404), "404"),
    "no-numpy": ("**/numpy-*.whl*", fulfilled(404), "numpy"),
    "wrong-hash": ("**/fp8lab-*.whl*", other_bytes, "SHA-256"),
    "short": ("**/*stdlib*.zip*", fulfilled(200, b"PK"), "shorter"),
    "no-network": ("**/*.wasm*", lambda route: route.abort(), "network"),
    "no-module": ("**/pyodide*.mjs*", fulfilled(404), "pyodide"),
    "no-worker": ("**/worker.js", fulfilled(404), "worker.js"),
    "no-site": ("**/site.json", fulfilled(500), "500"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_python_that_cannot_start_says_so(
    browser: Browser, site: Site, failure: str
) -> None:
    pattern, answer, word = FAILURES[failure]
    with WebPage(browser, site.url) as shown:
        shown.page.context.route(pattern, answer)
        shown.open(wait=False)
        expect(shown.page.locator("#python")).to_have_attribute("data-is", "failed")
        assert word.lower() in shown.python.lower()
        # The first pictures are still there.
        expect(shown.view("bit_field")).to_contain_text("0.3125")
        if failure == "wrong-hash":
            shown.screenshot("python-failed")
        shown.page.context.unroute(pattern)
        shown.page.get_by_role("button", name="Try again").click()
        shown.wait_until_computed()
        shown.view("bit_field").get_by_role("button", name="sign bit").click()
        expect(shown.view("bit_field")).to_contain_text("= -0.3125")


def test_a_tensor_is_there_after_a_second_start(browser: Browser, site: Site) -> None:
    """Python fails on a link with a tensor, and once more in the middle of the work."""
    link = "#quantize?sample=gaussian&format=E5M2"
    with WebPage(browser, site.url) as shown:
        shown.context.route("**/numpy-*.whl*", fulfilled(404))
        shown.open(link, wait=False)
        again = shown.page.get_by_role("button", name="Try again")
        again.wait_for()
        expect(shown.notice).to_be_hidden()
        shown.context.unroute("**/numpy-*.whl*")
        again.click()
        shown.wait_until_computed()
        assert "gaussian" in shown.about
        expect(shown.view("quantizer")).to_contain_text("E5M2")
        shown.drop("good.npy", GOOD)
        # As if Python had run out of memory.
        shown.page.evaluate("document.getElementById('python-again').click()")
        shown.wait_until_computed()
        assert "3 × 5" in shown.about
        expect(shown.view("quantizer")).to_contain_text("good.npy")
        expect(shown.view("quantizer").get_by_role("alert")).to_be_hidden()
