// What axe finds in the libraries' own parts, which we cannot mend: rule, where, and why it is left.
const KNOWN = [
  { rule: 'link-in-text-block', screens: /^events/, why: 'the hint above the events, whose link the library tells by its colour alone' },
  { rule: 'color-contrast', screens: /^realm-settings\/keys/, why: 'buttons in the rows of keys' },
  { rule: 'label', html: /w-tc-editor-text/, why: 'the code editor has no name for its text area' },
];

/** Whether the violation is one that is known on this screen. */
export const known = (screen, { id, html, at }) =>
  KNOWN.some((one) => one.rule === id && (one.screens ?? /./).test(screen || 'welcome') && (one.html ?? /./).test(html) && (one.at ?? /./).test(at));
