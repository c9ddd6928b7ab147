// Groups the digits of a number while it is typed.
import { grouped } from './numbers.js';
import { registerElementAnnotatedBy } from './userProfile.js';

const name = 'kcNumberFormat';
registerElementAnnotatedBy({
  name,
  onAdd(element) {
    const format = () => {
      element.value = grouped(element.value, element.getAttribute(`data-${name}`));
    };
    format();
    element.addEventListener('input', format);
    return () => element.removeEventListener('input', format);
  },
});
