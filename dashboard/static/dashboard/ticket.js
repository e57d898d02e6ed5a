// The order ticket: opened by B and S on a row, to which arrow keys lead, checked against tick and lot as one types, and
// followed to its end.
"use strict";
(() => {
  const KEYS = { b: "BUY", s: "SELL" };
  const PRICES = ["price", "trigger_price"];
  const PRICES_OF = { LIMIT: ["price"], SL: PRICES, MARKET: [] };

  // --- keys ---------------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    const side = KEYS[event.key.toLowerCase()];
    if (!side || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    const row = event.target.closest("tr[data-symbol]") || document.querySelector("tr[data-symbol]:hover");
    const link = row && row.querySelector(`a[data-side="${side}"]`);
    if (!link) return;
    event.preventDefault();
    link.click();
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("tr[data-symbol]")) return;
    const rows = [...document.querySelectorAll("tr[data-symbol][tabindex]")];
    const next = rows[rows.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault(); // the page scrolls only as far as the row needs
    next.focus();
  });

  // --- tick and lot -------------------------------------------------------------------------------------------
  // In whole units of the smallest place, because binary fractions have no 0.05.
  function units(text, places) {
    const match = /^(\d+)(?:\.(\d+))?$/.exec(text.trim());
    if (!match || (match[2] || "").length > places) return null;
    return BigInt(match[1] + (match[2] || "").padEnd(places, "0"));
  }
  const placesOf = (text) => (text.split(".")[1] || "").length;

  function fault(form, field) {
    const text = field.value.trim();
    if (field.name === "quantity") {
      if (!/^\d+$/.test(text) || BigInt(text) === 0n) return "The quantity must be a whole number above 0.";
      const lot = BigInt(form.dataset.lot || "1");
      return BigInt(text) % lot === 0n ? "" : `The quantity must be a multiple of the lot size, ${lot}.`;
    }
    if (!text) return "";
    const tick = form.dataset.tick;
    if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0) return "A price must be a number above 0.";
    if (!tick) return "";
    const places = Math.max(placesOf(tick), placesOf(text));
    return units(text, places) % units(tick, places) === 0n ? "" : `A price must be a multiple of the tick size, ${tick}.`;
  }

  function say(form, text) {
    const hint = form.querySelector("[data-hint]");
    if (!hint) return;
    hint.textContent = text;
    hint.hidden = !text;
  }

  // Marks the fields that the order's type takes and that are wrong, and says what is wrong with the first of them.
  function judgeAll(form) {
    const used = ["quantity", ...PRICES_OF[form.elements.order_type.value]];
    let first = "";
    for (const name of ["quantity", ...PRICES]) {
      const field = form.elements[name];
      const found = used.includes(name) ? fault(form, field) : "";
      if (found) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
      first ||= found;
    }
    say(form, first);
    return !first;
  }

  // --- the preview --------------------------------------------------------------------------------------------
  // What would be sent and what it costs stands above the button, which sends it while the fields are as they were
  // then; otherwise, and without this script, the button leads to a page that shows it. The server decides which.
  function nameButton(form) {
    const button = form.querySelector("button[data-plain]"), shown = form.querySelector("[name=preview]");
    button.textContent = shown ? shown.dataset.action : button.dataset.plain;
  }
  function forgetPreview(form) { // it fades until the next one comes
    const shown = form.querySelector("[name=preview]");
    if (shown) shown.remove();
    const check = form.querySelector("#ticket-check");
    check.setAttribute("aria-busy", "true");
    check.dataset.outdated = "yes";
    nameButton(form);
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-ticket]");
    if (!form) return;
    for (const old of form.querySelectorAll("[data-problem]")) old.remove(); // it was about the former value
    forgetPreview(form);
    judgeAll(form);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-ticket]");
    if (form) judgeAll(form);
  });
  // A check that began before the last change is about former values; the next one follows.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.matches && event.target.matches("#ticket-check")) delete event.target.dataset.outdated;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.matches && event.target.matches("#ticket-check[data-outdated]")) event.detail.shouldSwap = false;
  });
  // Before htmx takes the form.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-ticket]");
    if (!form || judgeAll(form)) return;
    event.preventDefault();
    event.stopPropagation();
    form.querySelector('[aria-invalid="true"]').focus();
  }, true);
  // Errors that the server finds are marked at their fields, too.
  document.addEventListener("htmx:afterSwap", (event) => {
    const form = event.target.closest && event.target.closest("form[data-ticket]");
    if (!form) return;
    judgeAll(form);
    nameButton(form);
    event.target.removeAttribute("aria-busy");
    if (event.target.querySelector("[data-problem]")) say(form, "");
    for (const problem of event.target.querySelectorAll("[data-problem]")) {
      const field = form.elements[problem.dataset.problem];
      if (field && field.setAttribute) field.setAttribute("aria-invalid", "true");
    }
  });

  // --- sending ------------------------------------------------------------------------------------------------
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.target;
    if (!form.matches || !form.matches("form[data-sends]")) return;
    const { step, preview } = event.detail.requestConfig.parameters;
    const sends = step === "send" || (step === "review" && preview);
    say(form, sends ? "Sending; this takes a few seconds at most." : "");
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    if (sends) form.setAttribute("aria-busy", "true");
  });
  function failed(event, text) {
    const form = event.target;
    if (!form.matches || !form.matches("form[data-sends]")) return;
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    for (const button of form.querySelectorAll("button")) button.disabled = false;
    say(form, text);
  }
  const NO_ANSWER = "The site has not answered: it is not known whether the order was sent. The same button asks again; " +
    "this ticket is sent once, however often it is asked for.";
  document.addEventListener("htmx:sendError", (event) => failed(event, NO_ANSWER));
  document.addEventListener("htmx:timeout", (event) => failed(event, NO_ANSWER));
  document.addEventListener("htmx:responseError", (event) => {
    const refusals = { 401: "Your login has ended. Reload the page to log in again.", 403: "You may not trade now: your rights have changed, or a second factor is needed." };
    failed(event, refusals[event.detail.xhr.status] || NO_ANSWER);
  });
  // An outcome that has not changed is not swapped in, so that screen readers do not repeat it.
  let said = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.target.matches || !event.target.matches("#ticket[data-outcome]")) return;
    const text = event.detail.xhr.responseText.replace(/csrfmiddlewaretoken" value="[^"]*"/g, "");
    if (text === said) event.detail.shouldSwap = false;
    said = text;
  });
})();
