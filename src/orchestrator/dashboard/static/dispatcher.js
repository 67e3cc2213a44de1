// The live chart of the dispatcher's page: queue depth and mails per minute. Without it the server's SVG stays.
(() => {
  "use strict";
  let plot = null;
  let host = null;
  const colour = (name) => getComputedStyle(probe(name)).color;
  const probes = new Map();
  const probe = (name) => {
    // light-dark() is resolved only where it is used, so each colour is asked of an element that wears it.
    if (!probes.has(name)) {
      const one = document.createElement("i");
      one.className = `probe ${name}`;
      one.hidden = true;
      document.body.append(one);
      probes.set(name, one);
    }
    return probes.get(name);
  };
  // The legend says what is pointed at, and the last minute while nothing is.
  const latest = (plot) => plot.cursor.idx == null && plot.setLegend({ idx: plot.data[0].length - 1 }, false);
  const options = (data) => {
    const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: data.zone });
    const axis = { stroke: () => colour("p-mute"), grid: { stroke: () => colour("p-line"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    return {
      width: host.clientWidth, height: 190, legend: { live: true }, cursor: { y: false }, hooks: { setCursor: [latest], setData: [latest] },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(2, high)] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((at) => time.format(at * 1000)) },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000], values: (_, ticks) => ticks.map((n) => n.toLocaleString("en-US")) },
      ],
      series: [
        { label: "Until", value: (_, at) => (at == null ? "–" : time.format(at * 1000)) },
        { label: "Due", stroke: () => colour("p-1"), width: 2, points: { show: false } },
        { label: "Sent a minute", stroke: () => colour("p-2"), width: 2, dash: [6, 3], points: { show: false } },
      ],
    };
  };
  const show = (data) => {
    const now = document.getElementById("chart");
    if (!now || !window.uPlot) return;
    const numbers = [data.at, data.due, data.sent];
    if (now !== host) { // the page's fragment was replaced
      plot?.destroy();
      host = now;
      host.textContent = "";
      host.classList.add("live");
      plot = new uPlot(options(data), numbers, host);
      follow.disconnect();
      follow.observe(host);
    } else {
      plot.setData(numbers);
    }
    document.getElementById("cs").textContent = data.summary;
  };
  let asking = false;
  const ask = async () => {
    const chart = document.getElementById("chart");
    if (asking || document.hidden || !chart || paused()) return;
    asking = true;
    try {
      const answer = await fetch(chart.dataset.numbers, { headers: { Accept: "application/json" } });
      if (answer.ok && answer.headers.get("content-type")?.startsWith("application/json")) show(await answer.json());
    } catch { /* the service is away; the next question may be answered */ } finally { asking = false; }
  };
  const paused = () => host && host === document.getElementById("chart") && sessionStorage.getItem("live") === "off";
  document.addEventListener("htmx:after:swap", ask);
  const follow = new ResizeObserver(() => plot && host.isConnected && plot.width !== host.clientWidth && plot.setSize({ width: host.clientWidth, height: 190 }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot?.redraw());
  document.addEventListener("visibilitychange", ask);
  setInterval(ask, 2000);
  ask();
})();
