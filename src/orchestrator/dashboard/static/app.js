// What the pages do beyond HTML: they stay current while somebody looks, and the keyboard goes everywhere.
// Everything works without this file; it only refreshes fragments and moves the focus.
(() => {
  "use strict";
  const root = document.documentElement;
  const live = document.querySelector("[data-live]");

  // --- staying current: one stream for all tabs of a browser, held by one that is looked at; named nudges only ---
  // Browsers open six connections to a host at most: with a stream for each tab, the seventh would wait for ever.
  const channel = live && "BroadcastChannel" in window ? new BroadcastChannel(live.dataset.live) : null;
  let stream = null;
  let turn = null;
  let release = null;
  const states = { on: "Live", off: "Paused", lost: "Connection lost" };
  const say = (state) => {
    if (!live) return;
    live.dataset.state = state;
    live.querySelector("[data-word]").textContent = states[state];
    live.setAttribute("aria-pressed", String(state === "on"));
  };
  const wanted = () => live && sessionStorage.getItem("live") !== "off";
  const tell = (news) => {
    hear(news);
    channel?.postMessage(news);
  };
  // What happens while nobody tells of it is caught up with as soon as somebody does.
  let missed = false;
  const catchUp = () => {
    if (missed) document.querySelectorAll("[data-on]").forEach(refresh);
    missed = false;
  };
  const hear = (news) => {
    if (!news.state) return nudge(news.name);
    say(news.state);
    if (news.state === "lost") missed = true;
    else catchUp();
  };
  const connect = () => {
    missed ||= performance.now() > 2000;
    stream = new EventSource(live.dataset.live);
    stream.onopen = () => tell({ state: "on" });
    stream.onerror = () => {
      tell({ state: "lost" });
      if (stream && stream.readyState === EventSource.CLOSED) setTimeout(() => stream && (close("lost"), open()), 10000);
    };
    for (const name of live.dataset.topics.split(" ")) stream.addEventListener(name, () => tell({ name }));
  };
  const open = () => {
    if (turn || !wanted() || document.hidden) return;
    turn = new AbortController();
    if (!channel || !navigator.locks) return connect();
    say("on");
    navigator.locks
      .request(live.dataset.live, { signal: turn.signal }, () => new Promise((free) => { release = free; connect(); }))
      .catch(() => {});
    setTimeout(() => turn && !release && catchUp(), 300); // another tab listens for this one
  };
  const close = (state) => {
    missed = true;
    if (stream) stream.close();
    turn?.abort();
    release?.();
    stream = turn = release = null;
    say(state);
  };
  if (channel) channel.onmessage = (event) => turn && hear(event.data);
  // A fragment that is being read or typed into is not taken away under the pointer: it waits until it is left.
  const busy = (element) =>
    element.contains(document.activeElement) && document.activeElement.matches("input,textarea,select")
    || element.querySelector(":popover-open, dialog[open], [data-keep][open]") || element.matches(":hover") && element.dataset.calm !== undefined;
  const waiting = new Set();
  const refresh = (element) => {
    if (busy(element)) waiting.add(element);
    else window.htmx && htmx.trigger(element, "nudged");
  };
  const nudge = (name) => document.querySelectorAll(`[data-on~="${name}"]`).forEach(refresh);
  const later = () => {
    for (const element of [...waiting]) {
      if (!document.contains(element)) waiting.delete(element);
      else if (!busy(element)) { waiting.delete(element); htmx.trigger(element, "nudged"); }
    }
  };
  document.addEventListener("focusout", () => setTimeout(later, 50));
  document.addEventListener("pointermove", () => waiting.size && later(), { passive: true });
  document.addEventListener("visibilitychange", () => (document.hidden ? close("off") : open()));
  window.addEventListener("pagehide", () => close("off"));
  window.addEventListener("pageshow", (event) => event.persisted && open());
  if (live) {
    live.hidden = false;
    live.addEventListener("click", () => {
      const off = wanted();
      sessionStorage.setItem("live", off ? "off" : "on");
      if (off) close("off");
      else open();
    });
    if (wanted()) open(); else say("off");
  }

  // --- keyboard ---
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const move = (by) => {
    const all = rows();
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))] || all[0];
    if (next) next.querySelector("a,button").focus();
  };
  const help = document.getElementById("keys");

  // Exact times, for whoever cannot hover: written out everywhere until the button is pressed again.
  const clock = document.querySelector("[data-clock]");
  const times = (exact) => {
    root.dataset.times = exact ? "exact" : "";
    clock?.setAttribute("aria-pressed", String(exact));
  };
  times(localStorage.getItem("times") === "exact");
  if (clock) {
    clock.disabled = false;
    clock.addEventListener("click", () => {
      const exact = root.dataset.times !== "exact";
      localStorage.setItem("times", exact ? "exact" : "");
      times(exact);
    });
  }

  // A fragment that is replaced under the focus gives it to what took the place of what had it.
  const way = (element) => {
    const host = element.closest("[data-on]");
    if (!host?.id) return null;
    const same = (all) => [...all].filter((one) => one.tagName === element.tagName && one.textContent === element.textContent);
    const at = same(host.querySelectorAll(element.tagName)).indexOf(element);
    return () => {
      const now = document.getElementById(host.id);
      const found = (element.id && document.getElementById(element.id))
        || (element.getAttribute("href") && now?.querySelector(`a[href="${CSS.escape(element.getAttribute("href"))}"]`))
        || (now && same(now.querySelectorAll(element.tagName))[at]);
      if (found) found.focus({ preventScroll: true });
      else if (now) { now.tabIndex = -1; now.focus({ preventScroll: true }); }
    };
  };
  let back = null;
  document.addEventListener("htmx:before:swap", () => {
    const focused = document.activeElement;
    back = focused && focused !== document.body ? { focused, to: way(focused) } : back;
  });
  document.addEventListener("htmx:after:swap", () => {
    if (back && !document.contains(back.focused)) back.to?.();
    back = null;
    count();
  });
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    "/": () => (document.querySelector("main [type=search]") || document.querySelector("[type=search]"))?.focus(),
    "?": () => help?.togglePopover(),
    ".": () => live?.click(),
    t: () => clock?.click(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input,textarea,select,[contenteditable]");
    // In a dialog Escape closes it, and the browser gives the focus back to what opened it.
    if (event.key === "Escape" && typing) return event.target.closest(":popover-open") ? undefined : event.target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || root.dataset.keys === "off") return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // --- forms ---
  const refused = document.getElementById("refused");
  // A page that answers a form stands for another address: loading it anew must ask for that, and send nothing again.
  if (document.body.dataset.page) history.replaceState(null, "", document.body.dataset.page);
  for (const dialog of document.querySelectorAll("dialog[popover][open]")) {
    dialog.removeAttribute("open");
    for (const button of dialog.querySelectorAll("[formmethod=dialog]")) button.type = "button";
    dialog.showPopover();
  }
  let sent = false;
  const buttons = (form) => form.querySelectorAll("button:not([type=button])");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.dataset.download !== undefined) return;
    sent = true;
    // Afterwards: a button that is disabled would not be sent.
    setTimeout(() => buttons(form).forEach((button) => { button.disabled = true; }));
  });
  window.addEventListener("pageshow", (event) => event.persisted && sent && location.reload());
  document.addEventListener("change", (event) => {
    const [file] = event.target.files || [];
    const most = Number(event.target.dataset.most);
    if (file && most) event.target.setCustomValidity(file.size > most ? event.target.dataset.tooLarge : "");
  });
  const typed = () => [...document.querySelectorAll("form[method=post] :is(input:not([type=hidden]), textarea)")]
    .some((field) => field.value !== field.defaultValue);
  document.addEventListener("htmx:before:response", (event) => {
    const { hx, response } = event.detail.ctx;
    // An answer that is no fragment leaves the page as it is; without a session the page goes to the login, but not
    // from under what somebody types: the form keeps that when it is sent.
    if (hx.redirect ? !typed() : response.status < 400 || hx.retarget) return;
    event.preventDefault();
    if (!hx.redirect || !refused || refused.firstElementChild) return;
    const banner = document.createElement("div");
    banner.className = "banner watch";
    banner.setAttribute("role", "status");
    banner.textContent = "Your session has ended, and this page no longer stays current. What you typed is kept: send it, log in, and you find it again.";
    refused.append(banner);
  });

  // --- small things ---
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      navigator.clipboard?.writeText(button.dataset.copy).then(() => {
        const before = button.textContent;
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = before; }, 1500);
      });
    }
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) dismiss.closest(".toast,.banner").remove();
  });
  // What is ticked is counted where it is acted upon.
  const count = () => {
    for (const told of document.querySelectorAll("[data-ticked]")) {
      told.dataset.before ??= told.textContent;
      const n = told.closest("form").querySelectorAll("[name=id]:checked").length;
      const words = told.dataset.ticked.replace("{}", n).replace("{campaign}", n === 1 ? "campaign" : "campaigns");
      told.textContent = n ? words : told.dataset.before;
    }
  };
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (all) all.closest("form").querySelectorAll("[name=id]").forEach((box) => { box.checked = all.checked; });
    count();
  });
  count();
})();
