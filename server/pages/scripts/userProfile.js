// For modules of a theme, which are named as the annotations whose fields they change: `onAdd` gets
// each field with the annotation, now and when it is added; what it returns is called once the field
// is gone.
const descriptors = [];
const cleanups = new Map();

const within = (node, name) => {
  const selector = `[data-${name}]`;
  const own = node.matches?.(selector) ? [node] : [];
  return [...own, ...(node.querySelectorAll?.(selector) ?? [])];
};

const add = (element, { name, onAdd }) => {
  const known = cleanups.get(element) ?? new Map();
  if (known.has(name)) return;
  cleanups.set(element, known);
  known.set(name, onAdd(element));
};

export const registerElementAnnotatedBy = (descriptor) => {
  descriptors.push(descriptor);
  for (const element of within(document, descriptor.name)) add(element, descriptor);
};

new MutationObserver(() => {
  for (const descriptor of descriptors) {
    for (const element of within(document, descriptor.name)) add(element, descriptor);
  }
  for (const [element, known] of cleanups) {
    if (element.isConnected) continue;
    cleanups.delete(element);
    for (const cleanup of known.values()) cleanup?.();
  }
}).observe(document.body, { childList: true, subtree: true });
