"use strict";

// The page is whole without this. It fetches the same address every few seconds and replaces the parts that are marked, but none in which
// somebody is busy: what one is about to click must not move.
const EVERY_MS = 5000;
const stale = document.getElementById("stale");

function busy(part) {
  return part.contains(document.activeElement) && document.activeElement.matches("input, select, button, summary, a") || part.querySelector("details[open]");
}

function take(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next && !busy(part) && next.outerHTML !== part.outerHTML) put(document.adoptNode(next), part);
  }
}

function put(next, part) {
  const where = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
  part.replaceWith(next);
  next.querySelectorAll(".scroll").forEach((one, number) => one.scrollTo(...(where[number] || [0, 0])));
}

async function refresh() {
  try {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) { location.assign(answer.url); return; }
    if (!answer.ok) throw new Error(answer.statusText);
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  } finally {
    setTimeout(refresh, EVERY_MS);
  }
}

// A choice is a question; without this, the button asks it.
for (const control of document.querySelectorAll(".filter select, .filter input[type=checkbox]")) {
  control.addEventListener("change", () => control.form.requestSubmit());
}
setTimeout(refresh, EVERY_MS);
