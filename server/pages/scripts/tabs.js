'use strict';
// Where another tab has signed in meanwhile, this one begins anew and goes on by that session.
(() => {
  const again = document.body.dataset.signedInElsewhere;
  const signedIn = () => /(^|; )KEYCLOAK_SESSION=/.test(document.cookie);
  if (!again || signedIn()) return;
  const timer = setInterval(() => {
    if (!signedIn()) return;
    clearInterval(timer);
    location.replace(again);
  }, 2000);
})();
