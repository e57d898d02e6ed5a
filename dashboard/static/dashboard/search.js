// Offers contracts under a search field as one types: a combobox whose list comes from the server.
"use strict";
(() => {
  const DELAY = 150; // milliseconds

  for (const field of document.querySelectorAll("input[data-offers]")) attach(field);
  document.addEventListener("opened", (event) => {
    for (const field of event.target.querySelectorAll("input[data-offers]")) attach(field);
  });

  function attach(field) {
    const list = document.getElementById(field.getAttribute("aria-controls"));
    let timer = 0, asked = 0;

    const options = () => [...list.querySelectorAll('[role="option"]')];
    const active = () => list.querySelector('[aria-selected="true"]');

    function close() {
      list.hidden = true;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    }

    function select(option) {
      if (active()) active().setAttribute("aria-selected", "false");
      if (!option) return;
      option.setAttribute("aria-selected", "true");
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }

    async function ask() {
      const text = field.value.trim(), mine = asked;
      if (!text) return close();
      const data = new FormData(field.form), query = new URLSearchParams({ q: text });
      if (data.get("exchange")) query.set("exchange", data.get("exchange"));
      try {
        const response = await fetch(`${field.dataset.offers}?${query}`, { headers: { "HX-Request": "true" } });
        if (mine !== asked || !response.ok || response.redirected) return;
        list.innerHTML = await response.text();
      } catch {
        return;
      }
      list.hidden = false;
      field.setAttribute("aria-expanded", "true");
      select(options()[0]);
    }

    // Fills the form with the option's symbol and exchange, and sends it unless there is more to fill in.
    function choose(option) {
      field.value = option.dataset.symbol;
      const exchange = field.form.elements.exchange;
      if (exchange) exchange.value = option.dataset.exchange;
      close();
      if (field.dataset.sends !== "no") field.form.requestSubmit(field.form.querySelector("[data-adds]"));
    }

    // The offers belong to an earlier text from now on: Enter chooses none of them, nor of those still to come.
    field.addEventListener("input", () => {
      asked++;
      select(null);
      field.removeAttribute("aria-activedescendant");
      clearTimeout(timer);
      timer = setTimeout(ask, DELAY);
    });
    field.addEventListener("keydown", (event) => {
      const all = options(), place = all.indexOf(active());
      if (event.key === "Escape" && !list.hidden) close();
      else if (event.key === "ArrowDown" && all.length) select(all[(place + 1) % all.length]);
      else if (event.key === "ArrowUp" && all.length) select(all[(place - 1 + all.length) % all.length]);
      else if (event.key === "Enter" && !list.hidden && active()) choose(active());
      else return;
      event.preventDefault();
    });
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    list.addEventListener("click", (event) => {
      const option = event.target.closest('[role="option"]');
      if (option) choose(option);
    });
    field.addEventListener("blur", close);
  }
})();
