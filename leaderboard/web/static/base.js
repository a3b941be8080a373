// What all pages do with scripts on: the choice of colours, questions before what cannot be undone, copying.

function chooseTheme(theme) {
  const root = document.documentElement;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const age = theme ? 31536000 : 0;
  document.cookie = `leaderboard_theme=${theme}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
}

for (const label of document.querySelectorAll("[data-theme-switch]")) {
  label.hidden = false;
  label.querySelector("select").addEventListener("change", (event) => chooseTheme(event.target.value));
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Answers whether the person agreed. Escape and the first button, which has the focus, are a no.
export function ask(question, action) {
  return new Promise((resolve) => {
    const text = element("p", { id: "question", textContent: question });
    const no = element("button", { className: "button", type: "button", textContent: "Cancel", autofocus: true });
    const yes = element("button", { className: "button button--danger", type: "button", textContent: action });
    const dialog = element("dialog", {}, text, element("div", { className: "dialog__actions" }, no, yes));
    dialog.setAttribute("aria-labelledby", "question");
    no.addEventListener("click", () => dialog.close(""));
    yes.addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

for (const part of document.querySelectorAll("[data-confirm]")) {
  const check = part.querySelector("input[type=checkbox]");
  const button = part.querySelector("button");
  const form = part.closest("form");
  if (!check || !button || !form || typeof HTMLDialogElement === "undefined") continue;
  check.required = false;
  check.closest("label").hidden = true;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    if (await ask(part.dataset.confirm, button.textContent.trim())) {
      check.checked = true;
      form.requestSubmit(button);
    }
    check.checked = false; // or a page that the browser kept would ask nothing the next time
    button.focus();
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const text = button.previousElementSibling;
  if (!text || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = before), 2000);
  });
}

// An error message is where the reader wants to be.
document.querySelector("[aria-invalid=true]")?.focus();
