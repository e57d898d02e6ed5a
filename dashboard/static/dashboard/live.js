// Applies the answers of the page's poll cell by cell, so that focus, selection and scroll position stay; and says when
// the site does not answer, because everything on the page gets older then.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const PATIENCE = 3000; // milliseconds without an answer after which the page is old
  const banner = document.getElementById("connection");
  let lastAnswer = Date.now(), lastTag = "", refusal = "";

  // --- patching -------------------------------------------------------------------------------------------
  const added = [];
  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id : "");
  const isSame = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

  function patch(parent, wanted) {
    const byKey = new Map();
    for (const child of parent.children) if (keyOf(child)) byKey.set(keyOf(child), child);
    const wantedKeys = new Set([...wanted.children].map(keyOf).filter(Boolean));
    let place = parent.firstChild;
    for (const next of [...wanted.childNodes]) {
      const keyed = keyOf(next) && byKey.get(keyOf(next));
      // Nodes that are gone are removed first: one that had to be moved would lose the focus inside it.
      while (keyed && place && place !== keyed && !wantedKeys.has(keyOf(place))) {
        const rest = place.nextSibling;
        place.remove();
        place = rest;
      }
      let current = keyed && isSame(keyed, next) ? keyed : place && !keyOf(place) && isSame(place, next) ? place : null;
      if (current) {
        if (current === place) place = place.nextSibling;
        else parent.insertBefore(current, place);
        update(current, next);
      } else {
        parent.insertBefore(next, place);
        added.push(next);
      }
    }
    while (place) {
      const rest = place.nextSibling;
      place.remove();
      place = rest;
    }
  }

  function update(current, wanted) {
    if (current.nodeType !== Node.ELEMENT_NODE) {
      if (current.nodeValue !== wanted.nodeValue) current.nodeValue = wanted.nodeValue;
      return;
    }
    const before = current.dataset.field ? current.textContent : null;
    for (const { name } of [...current.attributes]) if (!wanted.hasAttribute(name)) current.removeAttribute(name);
    for (const { name, value } of wanted.attributes) if (current.getAttribute(name) !== value) current.setAttribute(name, value);
    if (current.nodeName === "TIME" && current.dataset.shownAs === "age") return; // ages.js writes it
    patch(current, wanted);
    if (before !== null && before.trim() !== current.textContent.trim() && !current.querySelector("time")) flash(current, before);
  }

  const number = (text) => (/\d/.test(text) ? Number(text.replace(/[^\d.+-]/g, "")) : NaN);

  // Marks a changed cell for as long as its animation takes; without animations (reduced motion) nothing is seen.
  function flash(cell, before) {
    const gain = number(cell.textContent) - number(before);
    const name = Number.isNaN(gain) ? "has-changed" : gain > 0 ? "went-up" : "went-down";
    cell.classList.remove("went-up", "went-down", "has-changed");
    void cell.offsetWidth; // starts the animation again
    cell.classList.add(name);
  }
  document.addEventListener("animationend", (event) => event.target.classList.remove("went-up", "went-down", "has-changed"));

  htmx.defineExtension("patch", {
    isInlineSwap: (style) => style === "patch",
    handleSwap(style, target, fragment) {
      if (style !== "patch") return false;
      added.length = 0;
      patch(target, fragment);
      document.dispatchEvent(new Event("patched"));
      return added.filter((node) => node.nodeType === Node.ELEMENT_NODE);
    },
  });
  window.flashCell = flash;

  // --- whether the site answers ---------------------------------------------------------------------------
  function say(text) {
    if (banner.textContent !== text) banner.textContent = text;
    banner.hidden = !text;
    document.body.classList.toggle("gone-old", Boolean(text));
  }

  function judge() {
    if (document.hidden) return;
    if (refusal) say(refusal);
    else if (Date.now() - lastAnswer > PATIENCE) {
      const since = new Date(lastAnswer).toLocaleTimeString("en-IN", { hour12: false });
      say(`The site has not answered since ${since}: what you see is of that time. Your connection, the site or the broker may be slow or away; this page goes on by itself.`);
    } else say("");
  }

  const REFUSALS = {
    401: "Your login has ended. Reload the page to log in again.",
    403: "You may no longer see this page: your rights have changed. Reload it, or ask an administrator.",
    429: "Too many requests come from you; this page goes on by itself.",
    500: "The site has failed to make this page; its log says why. It tries again by itself.",
    502: "The site is being restarted; this page goes on by itself.",
    503: "The site is busy; this page goes on by itself.",
  };

  live.addEventListener("htmx:confirm", (event) => {
    if (event.target === live && document.hidden) event.preventDefault();
  });
  live.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target !== live) return;
    const { xhr } = event.detail;
    if (!xhr.responseURL.includes("/live/")) { // a redirect: to a login, or to the second factor
      refusal = REFUSALS[401];
      event.detail.shouldSwap = false;
    } else if (xhr.status < 400) {
      lastAnswer = Date.now();
      refusal = "";
      const tag = xhr.getResponseHeader("ETag");
      if (tag && tag === lastTag) event.detail.shouldSwap = false;
      lastTag = tag || "";
    } else refusal = REFUSALS[xhr.status] || `The site refuses this page (${xhr.status}). Reload it.`;
    judge();
  });
  live.addEventListener("htmx:sendError", (event) => {
    if (event.target !== live) return;
    lastAnswer = Math.min(lastAnswer, Date.now() - PATIENCE - 1);
    judge();
  });
  setInterval(judge, 500);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    lastAnswer = Date.now(); // nothing was asked while nobody looked
    htmx.trigger(live, "reload");
  });
  htmx.process(live); // the extension is known only now
})();
