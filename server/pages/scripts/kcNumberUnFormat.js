// Sends the digits of a number as they are wanted, however they were shown.
import { grouped } from './numbers.js';
import { registerElementAnnotatedBy } from './userProfile.js';

const name = 'kcNumberUnFormat';
registerElementAnnotatedBy({
  name,
  onAdd(element) {
    const { form } = element;
    const bare = () => {
      element.value = grouped(element.value, element.getAttribute(`data-${name}`));
    };
    form.addEventListener('submit', bare);
    return () => form.removeEventListener('submit', bare);
  },
});
