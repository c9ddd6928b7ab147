// Tells the page around whether cookies of this site work in its frames.
(function () {
  "use strict";
  var works = document.cookie.indexOf("KEYCLOAK_3P_COOKIE=supported") >= 0;
  if (works) {
    document.cookie =
      "KEYCLOAK_3P_COOKIE=; expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=None; Secure";
  }
  parent.postMessage(works ? "supported" : "unsupported", "*");
})();
