'use strict';
// The page answers a form: reloaded, it comes from its own address instead of sending the form again.
history.replaceState(null, '', document.body.dataset.reload);
