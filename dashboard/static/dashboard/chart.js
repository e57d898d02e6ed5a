// Draws a symbol's candles and volume. The last candle follows the price in the page's live part, and own orders and
// averages are lines at the prices that stand there. Earlier candles are loaded as the chart is moved.
"use strict";
(() => {
  const box = document.getElementById("chart");
  if (!box || !window.LightweightCharts) return;
  const { symbol, exchange, interval, candles: address } = box.dataset;
  const DAY = 86400000; // milliseconds
  const MINUTES = { "1m": 1, "5m": 5, "10m": 10, "15m": 15, "30m": 30, "60m": 60 };
  const minutes = MINUTES[interval], step = Number(box.dataset.days) * DAY;
  const EARLIEST = Date.parse(box.dataset.today) - 20 * 365 * DAY; // as far back as the API goes
  const EMPTY_LOADS = 3; // in a row, after which there is nothing earlier
  const message = document.getElementById("chart-message");

  // --- colours: those of the page, also when they change ------------------------------------------------------
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  function colour(name) {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  }
  const faded = (text) => text.replace(/^rgb\((.*)\)$/, "rgba($1, 0.35)");

  box.hidden = false;
  const chart = LightweightCharts.createChart(box, {
    autoSize: true,
    layout: { attributionLogo: false, background: { color: "transparent" } }, // the notice stands below the chart
    timeScale: { timeVisible: Boolean(minutes), secondsVisible: false, rightOffset: 4 },
    localization: { locale: "en-IN" },
  });
  const price = chart.addSeries(LightweightCharts.CandlestickSeries, { borderVisible: false });
  const volume = chart.addSeries(LightweightCharts.HistogramSeries, {
    priceFormat: { type: "volume" }, priceScaleId: "", lastValueVisible: false, priceLineVisible: false,
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });

  let rising = "", falling = "";
  function paint() {
    rising = colour("gain");
    falling = colour("loss");
    const line = colour("line");
    chart.applyOptions({
      layout: { textColor: colour("quiet"), fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line }, timeScale: { borderColor: line },
    });
    price.applyOptions({ upColor: rising, downColor: falling, wickUpColor: rising, wickDownColor: falling });
    show();
    drawLines();
  }

  // --- candles ------------------------------------------------------------------------------------------------
  // The library shows times as UTC: an Indian wall clock is given as if it were one.
  const timeOf = (text) => (minutes ? Date.parse(`${text.slice(0, 19)}Z`) / 1000 : text.slice(0, 10));
  const isoDay = (moment) => new Date(moment).toISOString().slice(0, 10);
  const known = new Map(); // by time
  const bar = (row) => ({
    time: timeOf(row.time), open: Number(row.open), high: Number(row.high), low: Number(row.low), close: Number(row.close),
    volume: row.volume,
  });
  const volumeBar = (one) => ({ time: one.time, value: one.volume || 0, color: faded(one.close < one.open ? falling : rising) });

  function sorted() {
    return [...known.values()].sort((one, other) => (one.time < other.time ? -1 : 1));
  }
  function show() {
    const all = sorted();
    price.setData(all.map(({ time, open, high, low, close }) => ({ time, open, high, low, close })));
    volume.setData(all.map(volumeBar));
  }
  function say(text) {
    message.textContent = text;
    message.hidden = !text;
  }

  let first = Date.parse(box.dataset.today) + DAY, loading = false, empty = 0;
  async function loadEarlier() {
    if (loading || empty >= EMPTY_LOADS || first <= EARLIEST) return;
    loading = true;
    const last = first - DAY, from = Math.max(EARLIEST, first - step - (known.size ? 0 : DAY));
    const query = new URLSearchParams({ symbol, exchange, interval, from: isoDay(from), to: isoDay(last) });
    try {
      const response = await fetch(`${address}?${query}`, { headers: { Accept: "application/json" } });
      const body = await response.json();
      if (!response.ok) throw new Error(body.error ? body.error.message : `The site answers ${response.status}.`);
      for (const row of body.data) known.set(timeOf(row.time), bar(row));
      empty = body.data.length ? 0 : empty + 1;
      first = from;
      show();
      follow();
      say("");
    } catch (error) {
      say(`The candles cannot be read now: ${error.message}`);
      setTimeout(() => { loading = false; }, 5000);
      return;
    }
    loading = false;
    if (!known.size || needsMore()) loadEarlier();
  }
  function needsMore() {
    const range = chart.timeScale().getVisibleLogicalRange();
    return Boolean(range && range.from < 10);
  }
  chart.timeScale().subscribeVisibleLogicalRangeChange(() => { if (known.size && needsMore()) loadEarlier(); });

  // --- the last candle ----------------------------------------------------------------------------------------
  const number = (text) => (/\d/.test(text) ? Number(text.replace(/[^\d.-]/g, "")) : NaN);
  const live = document.getElementById("live");
  const field = (name) => live.querySelector(`tr[data-symbol] [data-field="${name}"]`);

  // The candle that a price of this moment belongs to; null where that cannot be told.
  function slotOf(moment, last) {
    const wall = Math.floor(moment / 1000) + 5.5 * 3600;
    if (!minutes) {
      const day = isoDay(wall * 1000);
      return interval === "1d" ? day : last; // the week's or month's candle is the last one
    }
    if (wall < last) return null;
    return last + Math.floor((wall - last) / (minutes * 60)) * minutes * 60;
  }

  function follow() {
    const state = field("state"), cell = field("ltp"), time = live.querySelector('[data-field="quoted_at"] time');
    if (!state || !cell || !time || !["live", "polled"].includes(state.textContent.trim())) return;
    const ltp = number(cell.textContent), all = sorted(), last = all[all.length - 1];
    const slot = last && slotOf(Date.parse(time.dateTime), last.time);
    if (!last || Number.isNaN(ltp) || slot === null || slot < last.time) return;
    let one = last;
    if (slot > last.time) one = { time: slot, open: ltp, high: ltp, low: ltp, close: ltp, volume: 0 };
    one = { ...one, high: Math.max(one.high, ltp), low: Math.min(one.low, ltp), close: ltp };
    if (interval === "1d") {
      const day = { open: number(field("open").textContent), high: number(field("high").textContent),
        low: number(field("low").textContent), volume: number(field("volume").textContent) };
      for (const name of Object.keys(day)) if (!Number.isNaN(day[name])) one[name] = day[name];
      one.high = Math.max(one.high, ltp);
      one.low = Math.min(one.low, ltp);
    }
    known.set(one.time, one);
    price.update({ time: one.time, open: one.open, high: one.high, low: one.low, close: one.close });
    volume.update(volumeBar(one));
  }

  // --- own orders and averages --------------------------------------------------------------------------------
  let lines = [], drawn = "";
  const lineItems = () => [...live.querySelectorAll("[data-line]")];
  const lineKeys = () => lineItems().map((item) => item.dataset.key).join("\n");
  function drawLines() {
    for (const line of lines) price.removePriceLine(line);
    lines = lineItems().map((item) => price.createPriceLine({
      price: Number(item.dataset.price),
      title: item.querySelector("span").textContent,
      color: colour(item.dataset.line === "average" ? "accent" : item.dataset.side === "SELL" ? "sell" : "buy"),
      lineStyle: item.dataset.line === "average" ? LightweightCharts.LineStyle.Solid : LightweightCharts.LineStyle.Dashed,
      lineWidth: 1,
      axisLabelVisible: true,
    }));
    drawn = lineKeys();
  }

  new MutationObserver(() => {
    follow();
    if (lineKeys() !== drawn) drawLines();
  }).observe(live, { subtree: true, childList: true, characterData: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint();
  loadEarlier();
})();
