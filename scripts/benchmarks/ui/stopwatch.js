// From a person's click or Enter to the first and the last change of the page that answer it, in ms: window.stopwatch.
(() => {
  const QUIET = 60; // after the script has ended, what is drawn within this time still belongs to the click
  const watch = { arm, taken: () => record };
  window.stopwatch = watch;
  let record = null;
  function arm() { record = { began: null, clicked: null, wasBusy: false, hasRun: false, ended: null, first: null, last: null }; }
  const begin = (event) => {
    if (!record || record.began !== null) return;
    record.began = event.timeStamp;
    record.clicked = (performance.timeOrigin + event.timeStamp) / 1000; // seconds since the epoch, as the server counts
    record.wasBusy = document.querySelector("[data-test-script-state=running]") !== null; // by a tick of a timer
  };
  addEventListener("click", begin, true);
  addEventListener("keydown", (event) => { if (event.key === "Enter") begin(event); }, true);
  const look = (changes) => {
    if (!record || record.began === null) return;
    const now = performance.now();
    for (const change of changes) {
      if (change.type === "attributes") {
        const state = change.target.getAttribute("data-test-script-state");
        if (state === "running") record.hasRun = true;
        else if (state === "notRunning" && record.hasRun && record.ended === null) record.ended = now;
      } else if (record.ended === null || now - record.ended < QUIET) {
        const node = change.target.nodeType === 1 ? change.target : change.target.parentElement;
        if (node && node.closest("[data-testid=stMainBlockContainer], [data-testid=stSidebarUserContent]")) {
          record.last = now;
          if (record.hasRun) record.first ??= now; // the server has begun: before, only the control itself moves
        }
      }
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-test-script-state"],
  });
})();
