// Light, dark, or as the system has it: a choice that the browser remembers.

const CHOICES = [
  { name: "system", text: "◐", label: "Colours: as the system" },
  { name: "light", text: "☀", label: "Colours: light" },
  { name: "dark", text: "☾", label: "Colours: dark" },
];

/** Make a button go through the choices. */
export function chooseTheme(button) {
  let at = Math.max(0, CHOICES.findIndex(({ name }) => name === remembered()));
  const show = () => {
    const { name, text, label } = CHOICES[at];
    document.documentElement.dataset.theme = name;
    button.textContent = text;
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    at = (at + 1) % CHOICES.length;
    remember(CHOICES[at].name);
    show();
  });
  show();
}

// A browser may forbid a page to remember anything.
function remembered() {
  try {
    return localStorage.getItem("fp8lab-theme");
  } catch {
    return null;
  }
}

function remember(name) {
  try {
    localStorage.setItem("fp8lab-theme", name);
  } catch {
    // The choice holds for this visit.
  }
}
