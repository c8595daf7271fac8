// What this browser remembers of its reader. It may be forbidden to remember anything.
export function remembered(name) {
  try {
    return localStorage.getItem(`posthaste.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`posthaste.${name}`);
    else localStorage.setItem(`posthaste.${name}`, value);
  } catch {
    // It stays as long as the page does.
  }
}
