// Opens what links and forms marked data-dialog lead to in a dialog over the page (without this script they are pages),
// and closes the menu when somebody clicks elsewhere.
"use strict";
(() => {
  const dialog = document.getElementById("dialog");
  if (!dialog || !dialog.showModal) return;
  let opener = null;

  async function open(address, from) {
    if (!dialog.open) opener = from;
    let response;
    try {
      response = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    } catch {
      location.assign(address);
      return;
    }
    if (response.redirected || !response.ok) { // a login, a second factor, an error: a page of its own
      location.assign(response.redirected ? response.url : address);
      return;
    }
    dialog.innerHTML = await response.text();
    htmx.process(dialog);
    if (!dialog.open) dialog.showModal();
    const first = dialog.querySelector("[autofocus], input:not([type=hidden]), button");
    if (first) first.focus();
    if (first && first.select) first.select(); // what is typed takes the place of what stands there
    dialog.dispatchEvent(new CustomEvent("opened", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      open(link.href, link);
    }
    if (event.target.closest("[data-closes]") && dialog.open) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form[data-dialog]")) {
      event.preventDefault();
      open(`${form.action}?${new URLSearchParams(new FormData(form))}`, event.submitter);
    } else if (form.method === "post") {
      // One request, however often the button is clicked; the server would recognise a second one by its key.
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    }
  });
  window.addEventListener("pageshow", () => { // back from the history
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (opener && opener.isConnected) opener.focus();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  const menu = document.querySelector("details.menu");
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();
