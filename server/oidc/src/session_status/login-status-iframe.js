// Answers the page that frames it: has the session it knows ended?
// Asked with "clientId sessionState", it says "unchanged", "changed" or "error".
(function () {
  "use strict";
  var known = {};

  function allowed(clientId, origin) {
    var key = clientId + " " + origin;
    if (!(key in known)) {
      var url = location.pathname + "/init?client_id=" + encodeURIComponent(clientId) +
        "&origin=" + encodeURIComponent(origin);
      known[key] = fetch(url, { credentials: "omit" }).then(
        function (answer) {
          if (answer.status !== 204) { throw new Error("not allowed"); }
        }
      );
    }
    return known[key];
  }

  function remembered() {
    var found = document.cookie.split("; ").filter(function (pair) {
      return pair.indexOf("KEYCLOAK_SESSION=") === 0;
    });
    return found.length ? found[0].substring("KEYCLOAK_SESSION=".length) : "";
  }

  function digest(text) {
    return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)).then(
      function (hash) {
        var bytes = String.fromCharCode.apply(null, new Uint8Array(hash));
        return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
      }
    );
  }

  addEventListener("message", function (event) {
    if (typeof event.data !== "string" || event.source === window) { return; }
    var at = event.data.indexOf(" ");
    if (at < 1) { return; }
    var clientId = event.data.substring(0, at);
    var session = event.data.substring(at + 1);
    function answer(text) { event.source.postMessage(text, event.origin); }
    allowed(clientId, event.origin)
      .then(function () {
        var cookie = remembered();
        // Without a session both sides say nothing.
        if (!cookie || !session) { return cookie || session ? "changed" : "unchanged"; }
        return digest(session).then(function (hash) {
          return hash === cookie ? "unchanged" : "changed";
        });
      })
      .then(answer, function () { answer("error"); });
  });
})();
