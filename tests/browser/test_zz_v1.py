import time, nbformat
from playwright.sync_api import expect
from tests.browser.jupyterlab import JupyterLab
from tests.browser.server import Server

def test_widgets(lab, server):
    nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nb.cells = [nbformat.v4.new_code_cell(c) for c in (
        "from fp8lab.widgets import BitField, NumberLine, Stacks\nbf = BitField(0.3); bf",
        "nl = NumberLine(17, beside=('E5M2','BF16')); nl",
        "st = Stacks(465, live=True); st",
        "import ipywidgets\nipywidgets.HBox([BitField(1), NumberLine(3)])",
    )]
    nbformat.write(nb, server.root / "v1.ipynb")
    try:
        lab.open_notebook("v1.ipynb")
    except Exception:
        lab.screenshot("zz-fail"); print(lab.console_errors); print(open(server.log).read()[-3000:]); raise
    lab.run_all()
    assert lab.cell_errors() == []
    w = lab.widget(".fp8-bit_field").first
    w.get_by_role("button", name="sign bit 0").click()
    expect(w.locator(".readout .value")).to_have_text("= -0.3125")
    w.get_by_role("button", name="sign bit 0").press("ArrowUp")
    expect(w.locator(".readout .value")).to_have_text("= -0.28125")
    for i, n in enumerate(("bit_field", "number_line", "stacks")):
        el = lab.widget(f".fp8-{n}").first
        el.scroll_into_view_if_needed()
        print(n, el.bounding_box())
        lab.screenshot(f"zz-{n}", el)
    s = lab.widget(".fp8-number_line .slider").first
    s.scroll_into_view_if_needed()
    lab.page.evaluate("""() => { window.n = 0; new MutationObserver(() => n++).observe(document.querySelector('.fp8-number_line .knob'), {attributes: true}); }""")
    b = s.bounding_box()
    import psutil, os
    def cpu():
        out = {}
        for pr in psutil.Process(os.getpid()).children(recursive=True):
            try:
                c = " ".join(pr.cmdline()); k = "kernel" if "ipykernel" in c else "server" if "jupyter" in c else "renderer" if "type=renderer" in c else "gpu" if "gpu-process" in c else "browser" if "chrom" in c else "other"
                ti = pr.cpu_times(); out[k] = out.get(k, 0) + ti.user + ti.system
            except psutil.Error: pass
        ti = os.times(); out["me"] = ti.user + ti.system
        return out
    c0 = cpu()
    lab.page.mouse.move(b["x"] + 100, b["y"] + 60); lab.page.mouse.down()
    t0 = time.perf_counter(); k = 0
    while (t := time.perf_counter() - t0) < 3:
        lab.page.mouse.move(b["x"] + 100 + 700 * t / 3, b["y"] + 60); k += 1
    lab.page.mouse.up()
    c1 = cpu(); nn = lab.page.evaluate("n"); print({k: round((c1[k] - c0.get(k, 0)) / nn * 1e3, 1) for k in c1}, "cpu ms per update", psutil.cpu_percent(0.5), os.getloadavg())
    print("JUPYTERLAB drag", lab.page.evaluate("n") / 3, "updates/s", k / 3, "moves/s")
    h = lab.widget(".fp8-number_line").nth(1)
    h.scroll_into_view_if_needed()
    lab.screenshot("zz-hbox", lab.widget(".widget-hbox").last)
    print(lab.widget(".fp8-bit_field").nth(1).bounding_box(), h.bounding_box())
    print(lab.console_errors, lab.external_requests)
