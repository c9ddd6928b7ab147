'use strict';
// What Google's script calls with the answer of a key that asks nobody; the form holds it then.
window.sendWithRecaptcha = () => document.getElementById('kc-register-form').requestSubmit();
