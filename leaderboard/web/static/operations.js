// Keeps the figures of the operations page up to date. Nothing moves under a pointer or a finger that is at work: a part
// that has the focus, or an open detail, stays as it is.

const EVERY_MS = 5000;
const LONGEST_MS = 60000;
const place = document.querySelector("[data-parts]");
const told = document.querySelector("[data-refreshing]");
let wait = EVERY_MS;
let paused = false;

function say(text, isBad = false) {
  const said = told.querySelector("[data-said]");
  if (said.textContent !== text) said.textContent = text;
  said.classList.toggle("bad", isBad);
}

// A form's token is another one each time, and says nothing.
function shown(element) {
  return element.outerHTML.replace(/name="csrf_token" value="[^"]*"/g, "");
}

// Puts in only what differs: a warning that stays is not read out every time.
function renew(part, found) {
  const [old, fresh] = [[...part.children], [...found.children]];
  if (old.length !== fresh.length) {
    const kept = fresh.map((one) => {
      const at = old.findIndex((other) => shown(other) === shown(one));
      return at < 0 ? one : old.splice(at, 1)[0];
    });
    part.replaceChildren(...kept);
    return;
  }
  old.forEach((one, at) => {
    if (shown(one) !== shown(fresh[at])) one.replaceWith(fresh[at]);
  });
}

async function refresh() {
  if (paused || document.hidden) return;
  const answer = await fetch(place.dataset.parts, { redirect: "manual", headers: { Accept: "text/html" } });
  if (answer.type === "opaqueredirect") throw new Error("you are signed out. Reload the page to sign in");
  if (answer.status === 503) throw new Error("the store or the database is away");
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of place.querySelectorAll(":scope > section")) {
    const found = fresh.getElementById(part.id);
    if (!found || part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
    renew(part, found);
  }
  const at = document.querySelector("main > .row time");
  if (at) {
    const now = new Date();
    at.dateTime = now.toISOString();
    at.textContent = `${now.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  }
}

async function go() {
  try {
    await refresh();
    wait = EVERY_MS;
    if (!paused) say("kept up to date");
  } catch (error) {
    wait = Math.min(wait * 2, LONGEST_MS);
    const why = error instanceof TypeError ? "the service does not answer" : error.message; // as fetch says it
    if (!paused) say(`not up to date: ${why}`, true);
  }
  setTimeout(go, wait);
}

if (place && told) {
  told.hidden = false;
  const button = told.querySelector("button");
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    say(paused ? "paused" : "kept up to date");
  });
  setTimeout(go, wait);
}
