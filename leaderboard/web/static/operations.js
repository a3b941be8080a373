// Keeps the figures of the operations page up to date. Nothing moves under a pointer or a finger that is at work: a part
// that has the focus, or an open detail, stays as it is.

const EVERY_MS = 5000;
const LONGEST_MS = 60000;
const place = document.querySelector("[data-parts]");
const told = document.querySelector("[data-refreshing]");
let wait = EVERY_MS;
let paused = false;

async function refresh() {
  if (paused || document.hidden) return;
  const answer = await fetch(place.dataset.parts, { redirect: "error", headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of place.querySelectorAll(":scope > section")) {
    const found = fresh.getElementById(part.id);
    if (!found || part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
    if (found.innerHTML !== part.innerHTML) part.replaceChildren(...found.childNodes);
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
  } catch {
    wait = Math.min(wait * 2, LONGEST_MS);
  }
  setTimeout(go, wait);
}

if (place && told) {
  told.hidden = false;
  const button = told.querySelector("button");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
  });
  setTimeout(go, wait);
}
