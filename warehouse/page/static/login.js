"use strict";

// 'bintally demo' shows an address with the token behind '#', which no server and no log sees. It is typed in here, not sent: whoever makes
// somebody follow a link must not decide as whom they log in.
const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname);
  document.getElementById("token").value = token;
  document.querySelector("button.primary").focus();
}
