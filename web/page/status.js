// What Python is doing, in a bar and in words; a failure is never silent.

const SLOW_AFTER = 20_000; // milliseconds without news

/** Show the state of Python: progress, ready, failed. */
export function showStatus() {
  const $ = (id) => document.getElementById(id);
  const [box, bar, text, again] = ["python", "python-progress", "python-text", "python-again"]
    .map($);
  let timer = 0;

  const say = (words) => { if (text.textContent !== words) text.textContent = words; };
  const watch = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      say(`${words}: no news for ${SLOW_AFTER / 1000} seconds. It may still come.`);
      again.hidden = false;
    }, SLOW_AFTER);
  };
  return {
    progress({ stage, loaded, total }) {
      box.dataset.is = "loading";
      again.hidden = true;
      bar.hidden = false;
      if (total) {
        Object.assign(bar, { max: total, value: loaded });
        say(`${stage}: ${megabytes(loaded)} of ${megabytes(total)} MB`);
      } else {
        bar.removeAttribute("value");
        say(`${stage} …`);
      }
      watch(stage);
    },
    ready(message) {
      clearTimeout(timer);
      box.dataset.is = "ready";
      bar.hidden = true;
      again.hidden = true;
      say(`${message.versions}: ready in ${message.seconds.toFixed(1)} s`);
    },
    failed(message) {
      clearTimeout(timer);
      box.dataset.is = "failed";
      bar.hidden = true;
      again.hidden = false;
      say(`Python stopped: ${message}`);
    },
    onAgain: (restart) => again.addEventListener("click", () => {
      again.hidden = true;
      box.dataset.is = "loading";
      say("Starting again …");
      restart();
    }),
  };
}

function megabytes(count) {
  return (count / 1e6).toFixed(1);
}
