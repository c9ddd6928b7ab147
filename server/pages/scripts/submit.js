'use strict';
// Sends the page's form at once; without scripts, its button does.
HTMLFormElement.prototype.submit.call(document.forms[0]);
