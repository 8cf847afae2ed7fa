"use strict";

// The page asks for the state twice a second. It trusts nothing that it has not just been told: when answers stop, or the picture's
// own age grows, it says so. Names from outside are only ever set as text.

const ASK_MS = 500;
const PATIENCE_MS = 1500;
const SILENT_MS = 2500;
const SAID_MS = 6000;
const LATE_S = 60; // no count waits for so long where a ledger listens

const $ = (id) => document.getElementById(id);
const page = document.body;
const cards = [];
const rows = new Map();
let state = null;
let answeredAt = -Infinity;
let shown = null; // the picture on the screen: its number, and when it was grabbed on this page's clock
let loading = null;
let announced = null;
let hiddenCall = false;
let saidTimer = 0;

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function clock(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

function percent(share) {
  return `${Math.min(99, Math.round(share * 100))} %`; // no counter is ever wholly sure
}

function spoken(count) {
  return count.digits.replace("+", " or more");
}

// Asking ------------------------------------------------------------------------------------------------------------------------

async function ask(path, body) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), body === undefined ? PATIENCE_MS : 15000);
  try {
    const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(path, { ...options, signal: stop.signal, cache: "no-store" });
    if (answer.status === 401) location.replace("/login");
    const content = await answer.json();
    if (!answer.ok) throw new Error(content.detail);
    return content;
  } finally {
    clearTimeout(timer);
  }
}

async function act(path, body) {
  try {
    return (await ask(path, body)).words;
  } catch (error) {
    if (error instanceof TypeError || error.name === "AbortError") throw new Error("The agent does not answer. Try again in a moment.");
    throw error;
  }
}

async function watch() {
  for (;;) {
    if (!document.hidden) {
      try {
        state = await ask("/api/state");
        answeredAt = performance.now();
        draw();
      } catch {
        // silence is told by what age() sees
      }
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}

// Drawing -----------------------------------------------------------------------------------------------------------------------

function draw() {
  setText($("station"), state.station);
  setText($("site"), state.site);
  document.title = `${state.station} · bintally`;
  drawFacts();
  drawPicture();
  drawBins();
  drawRecent();
  drawIdentify();
  age();
}

function fact(id, kind, text) {
  const element = $(id);
  if (element.className !== kind) element.className = kind;
  setText(element.querySelector("dd"), text);
}

function drawFacts() {
  const calm = { counting: "good", starting: "warn", stopping: "warn" };
  fact("fact-phase", calm[state.phase] || "bad", state.phase[0].toUpperCase() + state.phase.slice(1));
  fact("fact-broker", state.connected ? "good" : "warn", state.connected ? "Connected" : "Not connected");
  const { depth, oldest_s: oldest } = state.outbox;
  const since = oldest === null || oldest < LATE_S ? "" : `, oldest ${duration(oldest)}`;
  fact("fact-outbox", depth > 0 && (!state.connected || oldest >= LATE_S) ? "warn" : "plain", depth === 0 ? "Empty" : `${depth.toLocaleString("en")} waiting${since}`);
  fact("fact-model", state.model ? "plain" : "warn", state.model ? `${state.model.name} ${state.model.version}` : "None yet");
  fact("fact-update", "plain", state.update || "");
  $("fact-update").hidden = state.update === null;
  const { counted, unsure } = state;
  setText($("totals"), counted === 0 ? "" : `${counted.toLocaleString("en")} since the start, ${unsure.toLocaleString("en")} unsure`);
}

function drawPicture() {
  const picture = state.picture;
  if (picture === null || loading === picture.number || (shown && shown.number === picture.number)) return;
  const grabbedAt = answeredAt - picture.age_s * 1000;
  const next = new Image();
  next.decoding = "sync";
  loading = picture.number;
  next.onload = () => {
    loading = null;
    shown = { number: picture.number, grabbedAt };
    next.id = "frame";
    next.alt = "What the camera sees";
    $("frame").replaceWith(next); // setting the old one's address would fetch the picture again
    age();
  };
  next.onerror = () => { loading = null; };
  next.src = `/picture.jpg?n=${picture.number}`;
}

function drawBins() {
  const views = state.views;
  page.classList.toggle("only", views.length === 1);
  page.classList.toggle("several", views.length > 1);
  while (cards.length > views.length) {
    const card = cards.pop();
    card.root.remove();
    card.box.remove();
  }
  while (cards.length < views.length) cards.push(newCard(cards.length));
  views.forEach((view, number) => drawBin(cards[number], view));
  announce(views);
}

function newCard(number) {
  const root = $("bin-card").content.firstElementChild.cloneNode(true);
  const box = document.createElement("div");
  box.className = "region";
  box.append(document.createElement("span"));
  $("bins").append(root);
  $("regions").append(box);
  const part = (name) => root.querySelector(`.${name}`);
  part("correct").addEventListener("click", () => openPad(state.views[number].count));
  part("recount").addEventListener("click", () => recount(number));
  return { root, box, part };
}

function drawBin({ root, box, part }, view) {
  const count = view.count;
  const doubt = count !== null && count.digits === "unsure";
  root.classList.toggle("doubt", doubt);
  setText(part("name"), view.bin);
  const digits = part("count");
  setText(digits, count === null ? "–" : count.digits);
  digits.className = `count${doubt ? " word" : ""}${count === null ? " none" : ""}`;
  setText(part("sure-words"), count === null ? "Not counted yet" : count.sure);
  setText(part("share"), count === null ? "" : percent(count.share));
  const bar = root.querySelector(".bar");
  bar.hidden = count === null;
  bar.setAttribute("aria-valuenow", count === null ? 0 : Math.round(count.share * 100));
  bar.firstElementChild.style.width = `${count === null ? 0 : count.share * 100}%`;
  drawVerdict(part("verdict"), count);
  setText(part("waits"), view.waits_for && `Waits for ${view.waits_for}`);
  setText(part("when"), count === null ? "" : `${clock(count.taken_at)} · ${count.trigger}`);
  part("correct").disabled = count === null;
  const { left, top, right, bottom } = view.region;
  Object.assign(box.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
  box.classList.toggle("whole", right - left > 0.99 && bottom - top > 0.99);
  box.classList.toggle("doubt", doubt);
  box.classList.toggle("wrong", count !== null && count.verdict === "mismatch");
  setText(box.firstElementChild, count === null ? view.bin : `${count.digits} · ${view.bin}`);
}

function drawVerdict(element, count) {
  const words = { match: "✓ As expected:", mismatch: "≠ Expected:", unsure: "? Cannot tell; expected:" };
  let text = "";
  let kind = "";
  if (count !== null && count.verdict !== null) {
    text = `${words[count.verdict]} ${count.expected}`;
    kind = count.verdict;
  }
  if (count !== null && count.corrected !== null) {
    text = `✎ Corrected to ${count.corrected}`;
    kind = "said-so";
  }
  setText(element, text);
  element.className = `verdict ${kind}`;
}

function announce(views) {
  const counts = views.map((view) => view.count).filter(Boolean);
  const names = counts.map((count) => count.id).join();
  if (announced !== null && names !== announced) {
    const fresh = counts.filter((count) => !announced.split(",").includes(count.id));
    setText($("announce"), fresh.map((count) => `${count.bin}: ${spoken(count)}, ${count.sure}`).join(". "));
  }
  announced = names;
}

function drawRecent() {
  const list = $("recent");
  const present = new Set(state.recent.map((count) => count.id));
  for (const [id, row] of rows) {
    if (!present.has(id)) {
      row.remove();
      rows.delete(id);
    }
  }
  state.recent.forEach((count, place) => {
    if (!rows.has(count.id)) rows.set(count.id, newRow(count));
    const row = rows.get(count.id);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
    drawRowVerdict(row, count);
  });
}

function newRow(count) {
  const row = $("past-row").content.firstElementChild.cloneNode(true);
  const button = row.firstElementChild;
  const part = (name) => row.querySelector(`.${name}`);
  setText(row.querySelector("time"), clock(count.taken_at));
  row.querySelector("time").dateTime = count.taken_at;
  setText(part("row-bin"), count.bin);
  setText(part("row-count"), count.digits);
  part("row-count").classList.toggle("word", count.digits === "unsure");
  setText(part("row-sure"), count.digits === "unsure" ? count.sure : `${percent(count.share)} sure`);
  setText(part("row-trigger"), count.trigger);
  button.title = "Correct this count";
  button.addEventListener("click", () => openPad(count));
  return row;
}

function drawRowVerdict(row, count) {
  const element = row.querySelector(".row-verdict");
  const words = { match: "✓ as expected", mismatch: `≠ expected ${count.expected}`, unsure: `? expected ${count.expected}` };
  const corrected = count.corrected !== null;
  setText(element, corrected ? `✎ is ${count.corrected}` : words[count.verdict] || "");
  element.className = `row-verdict ${corrected ? "said-so" : count.verdict || ""}`;
}

function drawIdentify() {
  const call = $("identify");
  if (state.identify_s <= 0) hiddenCall = false;
  setText(call.querySelector(".identify-station"), state.station);
  call.querySelector(".identify-station").classList.toggle("long", state.station.length > 10);
  setText(call.querySelector(".identify-site"), state.site);
  call.hidden = state.identify_s <= 0 || hiddenCall;
}

// What is old must look old: this runs by its own clock, whether answers come or not.
function age() {
  const now = performance.now();
  const silent = state === null ? now > SILENT_MS : now - answeredAt > SILENT_MS;
  const old_s = shown === null ? Infinity : (now - shown.grabbedAt) / 1000;
  const live = !silent && state !== null && state.camera.state === "live" && old_s <= state.stale_after_s;
  page.classList.toggle("silent", silent);
  page.classList.toggle("old", !live);
  page.classList.toggle("paused", !live || state.phase !== "counting");
  if (!live) setText($("stale"), staleWords(silent, old_s));
  drawNotices(silent);
}

function staleWords(silent, old_s) {
  if (shown === null) return "No picture yet";
  const ended = !silent && state.camera.state === "ended" ? "The source has ended" : "Not live";
  return `${ended}: this picture is ${duration(old_s)} old`;
}

function drawNotices(silent) {
  const found = [];
  if (silent) {
    found.push(["bad", `No answer from the agent. ${state === null ? "" : "What you see is old. "}Trying again…`]);
  } else if (state !== null) {
    const stopped = ["no camera", "no counter", "disk full"].includes(state.phase);
    const words = { "no camera": "No camera", "no counter": "No counter", "disk full": "The disk is full, nothing is counted" };
    const reason = state.note || state.camera.reason;
    if (stopped) found.push(["bad", words[state.phase] + (reason ? `: ${reason}` : "")]);
    else if (state.note) found.push(["warn", state.note]);
    if (state.camera.state === "lost" && state.phase !== "no camera") found.push(["bad", `No camera: ${state.camera.reason || "it does not answer"}`]);
    if (!state.connected) {
      const why = state.link_problem ? ` (${state.link_problem})` : "";
      found.push(["warn", `Not connected to the broker${why}. Counts are kept here and sent later.`]);
    } else if (state.link_problem) {
      found.push(["warn", `The broker: ${state.link_problem}`]);
    } else if (state.outbox.depth > 0 && state.outbox.oldest_s >= LATE_S) {
      found.push(["warn", `No ledger has acknowledged the oldest count for ${duration(state.outbox.oldest_s)}. Counts are kept here until one does.`]);
    }
  }
  const box = $("notices");
  found.forEach(([kind, text], place) => {
    const line = box.children[place] || box.appendChild(document.createElement("p"));
    line.className = kind;
    setText(line, text);
  });
  while (box.children.length > found.length) box.lastElementChild.remove();
}

function say(text, bad = false) {
  const said = $("said");
  setText(said, text);
  said.classList.toggle("bad", bad);
  said.hidden = false;
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { said.hidden = true; }, SAID_MS);
}

// Buttons -----------------------------------------------------------------------------------------------------------------------

async function recount(number) {
  const button = cards[number].part("recount");
  if (button.getAttribute("aria-busy") === "true") return; // not disabled: that would take the focus away
  button.setAttribute("aria-busy", "true");
  try {
    say(await act("/api/recount", { bin: state.views.length > 1 ? state.views[number].bin : null }));
  } catch (error) {
    say(error.message, true);
  } finally {
    button.setAttribute("aria-busy", "false");
  }
}

$("identify").addEventListener("click", () => { hiddenCall = true; $("identify").hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !$("identify").hidden) $("identify").click(); });

setInterval(age, 250);
watch();
