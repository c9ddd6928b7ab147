const DARK = 'pf-v5-theme-dark';

/** Follows the person's choice of dark or light, where the realm has not switched dark off. */
export function followColourScheme(allowed) {
  if (!allowed) return;
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const apply = () => document.documentElement.classList.toggle(DARK, dark.matches);
  apply();
  dark.addEventListener('change', apply);
}
