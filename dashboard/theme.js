// Not a module, so that it runs before anything is drawn: a page must not flash in the wrong theme.
(() => {
  try {
    const chosen = localStorage.getItem("posthaste.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Without storage the system's own theme stays.
  }
})();
