// The digits of the text in groups: `({2}) {5}-{4}` makes (00) 00000-0000 of eleven. What stands
// between groups comes with the next digit.
export const grouped = (text, pattern) => {
  let digits = text.replace(/\D/g, '');
  let made = '';
  for (const [literal, count] of pattern.matchAll(/\{(\d+)\}|[^{]+|\{/g)) {
    if (digits === '') break;
    if (count === undefined) {
      made += literal;
    } else {
      made += digits.slice(0, count);
      digits = digits.slice(count);
    }
  }
  return made;
};
