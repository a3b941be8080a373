// Small helps on the pages of boards: copying a text, and showing the fields of a subscore only where there is one.

for (const button of document.querySelectorAll("[data-copy-from]")) {
  if (!navigator.clipboard) continue; // only where the page came over https, or from this machine
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copyFrom);
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(source.value);
      button.textContent = "Copied";
    } catch {
      source.select();
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => {
      button.textContent = before;
    }, 2000);
  });
}

for (const box of document.querySelectorAll("[data-shows]")) {
  const shown = document.getElementById(box.dataset.shows);
  const show = () => {
    shown.hidden = !box.checked;
  };
  box.addEventListener("change", show);
  show();
}
