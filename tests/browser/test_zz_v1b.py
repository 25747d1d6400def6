import time, nbformat, collections, os
from tests.browser.jupyterlab import JupyterLab

def test_profile(lab, server):
    nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nb.cells = [nbformat.v4.new_code_cell(c) for c in (
        "from fp8lab.widgets import NumberLine\nnl = NumberLine(17); nl",
    )]
    nbformat.write(nb, server.root / "v1b.ipynb")
    lab.open_notebook("v1b.ipynb")
    lab.run_all()
    s = lab.widget(".fp8-number_line .slider").first
    s.scroll_into_view_if_needed()
    lab.page.evaluate("""() => { window.n = 0; new MutationObserver(() => n++).observe(document.querySelector('.fp8-number_line .knob'), {attributes: true}); }""")
    b = s.bounding_box()
    c = lab.page.context.new_cdp_session(lab.page)
    c.send('Performance.enable'); g = lambda: {m['name']: m['value'] for m in c.send('Performance.getMetrics')['metrics']}
    prof = os.environ.get("PROF")
    if prof: c.send("Profiler.enable"); c.send("Profiler.start")
    a = g()
    lab.page.mouse.move(b["x"] + 100, b["y"] + 60); lab.page.mouse.down()
    t0 = time.perf_counter(); k = 0
    while (t := time.perf_counter() - t0) < 4:
        lab.page.mouse.move(b["x"] + 100 + 700 * t / 4, b["y"] + 60); k += 1
    lab.page.mouse.up()
    z = g(); n = lab.page.evaluate("n")
    print("JUPYTERLAB", n/4, "updates/s", k/4, "moves/s", os.getloadavg())
    print({q: round((z[q]-a[q])/n*1e3,1) for q in ('ScriptDuration','LayoutDuration','RecalcStyleDuration','TaskDuration')}, "ms/update")
    if prof:
        p = c.send("Profiler.stop")["profile"]
        nodes = {x["id"]: x for x in p["nodes"]}
        self_t = collections.Counter()
        for i, dt in zip(p["samples"], p["timeDeltas"]): self_t[i] += dt
        by = collections.Counter()
        for i, t in self_t.items():
            f = nodes[i]["callFrame"]; by[(f["functionName"], f["url"].split("/")[-1][:40])] += t
        for key, t in by.most_common(25): print(round(t / n / 1e3, 2), key)
