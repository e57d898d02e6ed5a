// Applies the stream's events to the page: a quote to its cells, anything else by asking for the live part at once.
// While there is no stream, the poll alone keeps the page up to date.
"use strict";
(() => {
  const live = document.getElementById("live"), address = document.body.dataset.stream;
  if (!live || !address || !window.EventSource) return;
  const RETRY = 5000; // milliseconds

  function grouped(text, signed) {
    const [whole, places] = text.replace(/^[+-]/, "").split(".");
    const head = whole.slice(0, -3).replace(/\B(?=(\d\d)+(?!\d))/g, ",");
    const sign = text.startsWith("-") ? "-" : signed ? "+" : "";
    return sign + (head ? `${head},` : "") + whole.slice(-3) + (places === undefined ? "" : `.${places}`);
  }

  function write(row, field, text, toneOf) {
    const cell = row.querySelector(`[data-field="${field}"]`);
    if (!cell) return;
    if (toneOf !== undefined) {
      cell.classList.toggle("gain", toneOf > 0);
      cell.classList.toggle("loss", toneOf < 0);
    }
    const before = cell.textContent;
    if (before.trim() === text) return;
    cell.textContent = text;
    window.flashCell(cell, before);
  }

  function writeTime(time, quote) { // ages.js makes an age of it
    const moment = quote.exchange_time || quote.quoted_at;
    if (!time || !moment) return;
    time.dateTime = moment;
    time.title = `${moment.slice(0, 10)} ${moment.slice(11, 19)} IST`;
  }

  function show(quote) {
    const selector = `.watchlist tr[data-symbol="${CSS.escape(quote.symbol)}"][data-exchange="${CSS.escape(quote.exchange)}"]`;
    for (const row of live.querySelectorAll(selector)) {
      const change = quote.change === null ? 0 : Number(quote.change);
      write(row, "ltp", grouped(quote.ltp), change);
      for (const field of ["change", "change_percent"])
        if (quote[field] !== null) write(row, field, grouped(quote[field], true), change);
      for (const field of ["low", "high"]) if (quote[field] !== null) write(row, field, grouped(quote[field]));
      if (quote.state) {
        write(row, "state", quote.state);
        row.className = quote.state;
      }
      writeTime(row.querySelector('[data-field="quoted_at"] time'), quote);
    }
    const ticket = document.querySelector(`form[data-ticket][data-symbol="${CSS.escape(quote.symbol)}"][data-exchange="${CSS.escape(quote.exchange)}"]`);
    const price = ticket && document.getElementById("ticket-ltp");
    if (!price) return;
    write(price, "ltp", grouped(quote.ltp));
    writeTime(price.querySelector("time"), quote);
  }

  function symbols() {
    const rows = live.querySelectorAll(".watchlist tr[data-symbol]");
    const name = ({ symbol, exchange }) => (exchange && exchange !== "NSEEQ" ? `${symbol}@${exchange}` : symbol);
    return [...new Set([...rows].map((row) => name(row.dataset)))];
  }

  // While prices come by the stream, a poll is for everything else: the server need not send them again.
  let streaming = false;
  live.addEventListener("htmx:configRequest", (event) => {
    if (event.target === live && streaming) event.detail.parameters.streamed = "1";
  });
  const reload = () => htmx.trigger(live, "reload");

  let source = null, listened = "";
  function listen() {
    const wanted = symbols().join(",");
    if (source && source.readyState !== EventSource.CLOSED && wanted === listened) return;
    if (source) source.close();
    listened = wanted;
    const asked = new URL(address, location.href);
    if (wanted) asked.searchParams.set("symbols", wanted);
    else asked.searchParams.set("events", "order,trade,watchlist,signal,alert,feed"); // no prices
    source = new EventSource(asked, { withCredentials: true });
    source.addEventListener("open", () => { streaming = true; });
    source.addEventListener("error", () => { // it ends too when a right is taken away, or Redis is
      if (streaming) reload();
      streaming = false;
    });
    source.addEventListener("quote", (event) => show(JSON.parse(event.data)));
    for (const name of ["order", "trade", "watchlist", "alert", "trading", "feed", "reset"])
      source.addEventListener(name, reload);
  }

  listen();
  setInterval(listen, RETRY); // also after the watchlist has changed
  window.addEventListener("pagehide", () => source && source.close());
})();
