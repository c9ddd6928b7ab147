// Leaves a cookie, then lets the next page look whether the browser kept it in a frame.
document.cookie = "KEYCLOAK_3P_COOKIE=supported; SameSite=None; Secure";
location.href = "step2.html";
