// The rows around a player whose standing is followed: read again from the page's own address when it has changed.

const SETTLE = 1500; // milliseconds from a change until they are read: the service may answer what it said a second ago
const root = document.querySelector("[data-follow=standing]");
const body = root && root.querySelector("[data-rows]");
const pause = root && root.dataset.players ? 3000 : 15000; // between two times; many may look at a public page
let timer = null;
let next = 0;

async function read() {
  const answer = await fetch(location.href, { redirect: "error", cache: "no-store", headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-follow=standing] [data-rows]");
  if (!fresh) return; // the player is off the board: the rows stay as they were, the tiles say so
  const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.player : null;
  body.replaceChildren(...fresh.rows);
  if (focused === null) return;
  const row = Array.from(body.rows).find((one) => one.dataset.player === focused);
  row?.querySelector("a")?.focus({ preventScroll: true });
}

function plan() {
  if (timer !== null) return;
  timer = setTimeout(async () => {
    timer = null;
    next = Date.now() + pause;
    await read().catch(() => {}); // the next change tries again
  }, Math.max(SETTLE, next - Date.now()));
}

if (root) {
  root.addEventListener("standing", plan);
  document.querySelector("[data-around]").textContent = "The rows follow the player: they are read again when the standing changes.";
}
