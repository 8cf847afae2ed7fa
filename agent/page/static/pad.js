"use strict";

// The pad that takes the true quantity of one count; loaded after page.js, which opens it.

const MAX_DIGITS = 6;

let chosen = null; // the count that is corrected; fixed when the pad opens, whatever is counted meanwhile
let opener = null;
let entered = "";

function openPad(count) {
  chosen = count;
  setText($("pad-title"), `How many are really in ${count.bin}?`);
  setText($("pad-said"), `${count.digits === "unsure" ? "The counter was unsure" : `The counter said ${spoken(count)}`} at ${clock(count.taken_at)}.`);
  $("pad-refused").hidden = true;
  enter("", false);
  opener = document.activeElement;
  $("pad").showModal();
  $("entry").focus();
}

function enter(text, exact) {
  entered = text.replace(/^0+(?=\d)/, "").slice(0, MAX_DIGITS);
  $("few").hidden = exact;
  $("many").hidden = !exact;
  setText($("entry"), entered);
  setText($("pad-hint"), exact ? "Six or more: count them all, the exact number teaches the counter." : "");
  for (const key of $("few").children) key.setAttribute("aria-pressed", String(entered !== "" && key.dataset.digit === entered));
  $("record").disabled = entered === "";
  setText($("record"), entered === "" ? "Record" : `Record ${entered}`);
}

async function record() {
  $("record").disabled = true;
  $("pad-refused").hidden = true;
  try {
    const words = await act("/api/correct", { event_id: chosen.id, quantity: Number(entered) });
    $("pad").close();
    say(words);
  } catch (error) {
    setText($("pad-refused"), error.message);
    $("pad-refused").hidden = false;
    $("record").disabled = false;
    $("record").focus();
  }
}

function typed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (/^[0-9]$/.test(event.key)) {
    const next = entered + event.key;
    enter(next, !$("many").hidden || Number(next) > 5);
    $("record").focus(); // so that Enter records
  } else if (event.key === "Backspace") {
    enter(entered.slice(0, -1), !$("many").hidden);
  } else {
    return;
  }
  event.preventDefault();
}

$("pad").addEventListener("keydown", typed);
$("pad").addEventListener("close", () => { if (opener) opener.focus(); });
$("few").addEventListener("click", ({ target }) => { if (target.dataset.digit) enter(target.dataset.digit, false); });
$("many").addEventListener("click", ({ target }) => { if (target.dataset.digit) enter(entered + target.dataset.digit, true); });
$("more").addEventListener("click", () => { enter("", true); $("entry").focus(); });
$("fewer").addEventListener("click", () => { enter("", false); $("entry").focus(); });
$("erase").addEventListener("click", () => enter(entered.slice(0, -1), true));
$("cancel").addEventListener("click", () => $("pad").close());
$("record").addEventListener("click", record);
