// What a reader wrote and did not save. It outlives a look at another page, but not the window.
const unsaved = new Map();
const samples = new Map();

export const kept = (templateId) => unsaved.get(templateId);
export const keep = (templateId, values) => unsaved.set(templateId, values);
export const forget = (templateId) => unsaved.delete(templateId);

export const keptSample = (templateId) => samples.get(templateId);
export const keepSample = (templateId, text) => samples.set(templateId, text);

/** Data with which every variable stands for itself, so that a preview has no holes at first. */
export function sampleOf(variables) {
  const data = {};
  for (const name of variables) {
    const steps = name.split(".");
    const last = steps.pop();
    let place = data;
    for (const step of steps) {
      if (typeof place[step] !== "object") place[step] = {};
      place = place[step];
    }
    if (!Object.hasOwn(place, last)) place[last] = last;
  }
  return JSON.stringify(data, null, 2);
}
