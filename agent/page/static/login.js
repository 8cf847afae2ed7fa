"use strict";

const form = document.getElementById("login");
const token = document.getElementById("token");
const refused = document.getElementById("refused");

function refuse(text) {
  refused.textContent = text;
  refused.hidden = false;
  token.select();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.hidden = true;
  try {
    const answer = await fetch("/api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: token.value.trim() }),
    });
    if (answer.ok) location.replace("/");
    else refuse((await answer.json()).detail);
  } catch {
    refuse("The station does not answer. Try again in a moment.");
  }
});

// Who comes here by a link from another site has a session that the browser did not send with it.
fetch("/api/state").then((answer) => { if (answer.ok) location.replace("/"); }, () => {});
