// Shows times marked data-shown-as="age" as an age that grows, and keeps the moment itself in the title.
"use strict";
(() => {
  const MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR; // seconds

  function age(moment) {
    const seconds = Math.max(0, Math.round((Date.now() - moment) / 1000));
    if (seconds < MINUTE) return `${seconds} s`;
    if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
    return seconds < DAY ? `${Math.floor(seconds / HOUR)} h` : `${Math.floor(seconds / DAY)} d`;
  }

  function show() {
    for (const time of document.querySelectorAll('time[data-shown-as="age"]')) {
      const text = age(Date.parse(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  show();
  setInterval(show, 1000);
  for (const name of ["patched", "opened", "htmx:afterSwap"]) document.addEventListener(name, show);
})();
