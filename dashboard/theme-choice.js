// Light, dark, or as the system has it; this browser remembers.
import { signal } from "./html.js";
import { remember } from "./storage.js";

/** `light`, `dark`, or empty for the system's. */
export const chosenTheme = signal(document.documentElement.dataset.theme ?? "");

export function chooseTheme(theme) {
  chosenTheme.value = theme;
  remember("theme", theme || null);
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
