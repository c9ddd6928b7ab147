// What is typed into the field is written in capitals.
import { registerElementAnnotatedBy } from './userProfile.js';

registerElementAnnotatedBy({
  name: 'kcShout',
  onAdd(element) {
    const shout = () => { element.value = element.value.toUpperCase(); };
    element.addEventListener('input', shout);
    element.dataset.shouts = '';
    return () => {
      element.removeEventListener('input', shout);
      document.documentElement.dataset.hushed = element.getAttribute('data-kcShout');
    };
  },
});
