"""The pictures inside the real lessons, in a real JupyterLab with a real kernel."""

import json

from playwright.sync_api import expect

from tests.browser.jupyterlab import JupyterLab

# A view draws a state in one go, so each callback is one picture that was updated.
WATCH = """root => {
  window.fp8Shown = [];
  new MutationObserver(() => window.fp8Shown.push(performance.now()))
    .observe(root, {subtree: true, childList: true, characterData: true});
}"""

# A drag by the page itself, a move a frame: what drives a mouse from outside is slower.
SWEEP = """(slider, seconds) => new Promise((done) => {
  const {min, max} = slider, begin = performance.now();
  const move = (now) => {
    const part = (now - begin) / 1000 / seconds;
    if (part >= 1) return done();
    slider.value = +min + (max - min) * part;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    requestAnimationFrame(move);
  };
  requestAnimationFrame(move);
})"""


def test_a_clicked_bit_changes_the_value(lab: JupyterLab) -> None:
    lab.open_notebook("00-start-here.ipynb")
    lab.run_all()
    field = lab.widget(".fp8-bit_field").first
    field.scroll_into_view_if_needed()
    value = field.get_by_label("Value", exact=True)
    expect(value).to_have_value("0.40625")
    field.get_by_role("button", name="sign bit 0").click()
    expect(value).to_have_value("-0.40625")
    field.get_by_role("button", name="exponent bit 3").click()
    expect(value).to_have_value("-104")
    lab.screenshot("lesson-00-bit-clicked")
    assert lab.console_errors == []


def test_a_prediction_is_locked_before_the_reveal(lab: JupyterLab) -> None:
    lab.open_notebook("00-start-here.ipynb")
    lab.run_all()
    check = lab.widget(".fp8-quick_check").first
    check.scroll_into_view_if_needed()
    secret = check.get_by_text("there are 2^3 = 8 steps")
    expect(secret).to_have_count(0)
    check.get_by_role("radio").nth(0).check()
    expect(secret).to_have_count(0)
    check.get_by_role("button", name="Lock").click()
    expect(secret).to_be_visible()
    expect(check.get_by_role("radio").nth(1)).to_be_disabled()
    lab.screenshot("lesson-00-locked")


def test_an_outlier_is_dragged_and_the_error_changes(lab: JupyterLab) -> None:
    lab.open_notebook("02-scaling.ipynb")
    lab.run_all()
    shown = lab.widget(".fp8-scale_map").first
    shown.scroll_into_view_if_needed()
    error = shown.locator(".parts .pays dd").first
    before = error.inner_text()
    slider = shown.get_by_role("slider", name="Size of the outlier")
    lab.drag(slider, dx=slider.bounding_box()["width"] / 3)
    expect(error).not_to_have_text(before)
    shown.evaluate(WATCH)
    slider.evaluate(SWEEP, 4)
    times = lab.page.evaluate("window.fp8Shown")
    rate = (len(times) - 1) / (times[-1] - times[0]) * 1000
    # The figure is for the reader: a bound would measure the machine's other work.
    print(json.dumps({"updates": len(times), "updates a second": round(rate, 1)}))
    assert len(times) > 5
    lab.screenshot("lesson-02-outlier-grown")
    ring = shown.locator(".ring")
    label = ring.get_attribute("aria-label")
    lab.drag(ring, dx=-90, dy=60)
    expect(ring).not_to_have_attribute("aria-label", label or "")
    lab.screenshot("lesson-02-outlier-dragged")
    title = shown.locator(".fp8-title")
    expect(title).to_contain_text("minilm-weight?")
    lab.widget(".widget-dropdown select").select_option("smollm2-attn-input")
    expect(title).to_contain_text("smollm2-attn-input")
    lab.screenshot("lesson-02-another-matrix")
    assert lab.console_errors == []
