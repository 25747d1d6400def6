import time, nbformat, os
def test_mini(lab, server):
    nb = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nb.cells = [nbformat.v4.new_code_cell(open("/work/tmp/mini.py").read() + "\nMini()"), nbformat.v4.new_code_cell("from fp8lab.widgets import NumberLine\nNumberLine(17)")]
    nbformat.write(nb, server.root / "v1c.ipynb")
    lab.open_notebook("v1c.ipynb")
    lab.run_all()
    lab.page.evaluate("""() => { window.m = 0; new MutationObserver(() => m++).observe(document.querySelector('.fp8-number_line .knob'), {attributes: true}); }""")
    for rep in range(2):
        for sel, var in ((".mini", "n"), (".slider", "m")):
            s = lab.widget(sel).first
            s.scroll_into_view_if_needed()
            b = s.bounding_box(); lab.page.evaluate(f"{var} = 0")
            lab.page.mouse.move(b["x"] + 100, b["y"] + 60); lab.page.mouse.down()
            t0 = time.perf_counter(); k = 0
            while (t := time.perf_counter() - t0) < 4:
                lab.page.mouse.move(b["x"] + 100 + 700 * t / 4, b["y"] + 60); k += 1
            lab.page.mouse.up()
            print("JUPYTERLAB", sel, lab.page.evaluate(var) / 4, "updates/s", k / 4, "moves/s", os.getloadavg()[0])
