"use strict";

// One key for each thing that is done a hundred times a day; every one of them presses something that is there without this, too.
function step(by) {
  const all = [...document.querySelectorAll(".cases a")];
  const at = all.findIndex((one) => one.getAttribute("aria-current") === "true");
  const next = all[at < 0 ? 0 : at + by];
  if (next) next.click();
}

function type(digit) {
  const field = document.querySelector("#found input[name=quantity]");
  if (!field) return;
  field.focus();
  field.value += digit;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input, select, textarea")) return;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "a") document.getElementById("accept")?.requestSubmit();
  else if (/^[0-9]$/.test(event.key)) type(event.key);
  else return;
  event.preventDefault();
});

// What was sent is not sent twice by a second press.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
