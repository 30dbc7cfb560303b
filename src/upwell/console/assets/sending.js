/* Sends a file to the server part by part, so that whatever breaks is gone on with and nothing is sent twice. The file is
   read piece by piece (digest.js), each part goes with its digest, and the whole's is compared with the server's.
   `told` is called with what changes: {state, sent, size, sha256, problem}. No page of its own here. */
"use strict";
window.Upwell = (() => {
  const ROOT = "/console/v1";
  const PART = 8 * 1024 * 1024;
  const WAITS_MS = [500, 1000, 2000, 4000, 8000], STALLED_MS = 45000, ASKED_MS = 700;
  const WORD = "x-upwell-csrf";
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  class Lost extends Error {} // the server can't be reached
  class Refused extends Error { // it answered with a problem
    constructor(status, problem) { super(problem.detail || String(status)); this.status = status; this.problem = problem; }
  }

  /* One operation of /v1 by the session of who is signed in; what it tells. With a key it is done once. */
  async function ask(csrf, method, path, body, key) {
    let got, text;
    try {
      const headers = { [WORD]: csrf, ...(body ? { "content-type": "application/json" } : {}), ...(key ? { "idempotency-key": key } : {}) };
      got = await fetch(ROOT + path, { method, headers, body: body && JSON.stringify(body) });
      text = await got.text();
    } catch { throw new Lost(); }
    return read(got.status, text);
  }

  const freshKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");

  function read(status, text) {
    let told = {};
    try { told = text ? JSON.parse(text) : {}; } catch { if (status < 400) throw new Lost(); }
    if (status >= 400) throw new Refused(status, told);
    return told;
  }

  /* Bytes as a body, with how many went; `begun` is given what ends it. */
  function send(csrf, method, path, blob, headers, went, begun) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      let last = performance.now();
      const watch = setInterval(() => { if (performance.now() - last > STALLED_MS) request.abort(); }, 1000);
      request.open(method, ROOT + path);
      for (const [name, value] of Object.entries({ [WORD]: csrf, ...headers })) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => { last = performance.now(); went(event.loaded); };
      request.onload = () => { try { done(read(request.status, request.responseText)); } catch (error) { failed(error); } };
      request.onerror = request.onabort = request.ontimeout = () => failed(new Lost());
      request.onloadend = () => clearInterval(watch);
      begun(() => request.abort());
      request.send(blob);
    });
  }

  const passing = (error) => error instanceof Lost || (error instanceof Refused && (error.status >= 500 || error.status === 429));

  class Sending {
    constructor(file, worker, csrf, told) {
      Object.assign(this, { file, csrf, told, state: "sending", sent: 0, sha256: "", upload: null, stop: null, over: false });
      this.address = worker;
      this.known = `upwell-upload ${file.name} ${file.size} ${file.lastModified}`;
    }

    /* The upload, complete; throws Refused, or null where it was given up. */
    async run() {
      await this.begin();
      const received = new Map(this.upload.received.map((part) => [part.number, part.sha256]));
      this.worker = new Worker(this.address);
      try {
        this.worker.postMessage({ file: this.file, size: this.upload.part_size });
        let next = this.digest();
        for (let number = 1; number <= this.upload.parts_total; number++) {
          const part = await next;
          if (number < this.upload.parts_total) next = this.digest();
          next.catch(() => {}); // told when its turn comes
          if (this.upload.status === "open" && received.get(number) !== part.sha256) await this.steadily(() => this.put(part));
          this.sent = Math.min(number * this.upload.part_size, this.file.size);
          this.tell("sending");
          this.sha256 = part.whole;
        }
      } finally { this.worker.terminate(); }
      if (this.upload.status === "complete" && this.upload.sha256 !== this.sha256) { // the file is another by now
        this.forget();
        return this.run();
      }
      this.tell("checking");
      if (this.upload.status !== "complete") await this.complete();
      this.tell("complete");
      return this.upload;
    }

    async begin() {
      const id = this.remembered();
      if (id) {
        this.upload = await this.steadily(() => ask(this.csrf, "GET", `/uploads/${id}`).catch((error) => {
          if (passing(error)) throw error;
          return null;
        }));
        const fits = this.upload && this.upload.size === this.file.size && ["open", "complete"].includes(this.upload.status);
        if (fits) return;
      }
      const body = { size: this.file.size, part_size: PART };
      this.upload = await this.steadily(() => ask(this.csrf, "POST", "/uploads", body));
      try { localStorage.setItem(this.known, this.upload.id); } catch { /* no place: then it is not resumed in another page */ }
    }

    async complete() {
      const asked = { sha256: this.sha256 };
      let shown = await this.steadily(() => ask(this.csrf, "POST", `/uploads/${this.upload.id}/complete`, asked));
      while (shown.status === "checking") {
        await sleep(ASKED_MS);
        shown = await this.steadily(() => ask(this.csrf, "GET", `/uploads/${this.upload.id}`));
      }
      this.upload = shown;
      if (shown.status !== "complete") { this.forget(); throw new Refused(409, { detail: shown.problem || shown.status }); }
    }

    put(part) {
      const at = (part.number - 1) * this.upload.part_size;
      const bytes = part.sha256.match(/../g).map((pair) => String.fromCharCode(parseInt(pair, 16))).join("");
      const headers = { "content-type": "application/octet-stream", "content-digest": `sha-256=:${btoa(bytes)}:` };
      const blob = this.file.slice(at, at + this.upload.part_size);
      const went = (loaded) => { this.sent = Math.min(at + loaded, this.file.size); this.tell("sending"); };
      return send(this.csrf, "PUT", `/uploads/${this.upload.id}/parts/${part.number}`, blob, headers, went, (stop) => { this.stop = stop; });
    }

    digest() {
      return new Promise((done, failed) => {
        this.worker.onmessage = ({ data }) => data.problem ? failed(new Refused(0, { detail: data.problem })) : done(data);
        this.worker.onerror = () => failed(new Refused(0, { detail: "digest.js" }));
        this.worker.postMessage({});
      });
    }

    /* Whatever it takes: again after a pause, a lost connection, a server that is busy. */
    async steadily(act) {
      for (let tries = 0; ; ) {
        while (this.state === "paused" && !this.over) await new Promise((done) => { this.wake = done; });
        if (this.over) throw null;
        try { return await act(); } catch (error) {
          if (this.over) throw null;
          if (this.state === "paused") continue;
          if (!passing(error)) throw error;
          this.tell("waiting");
          await Promise.race([sleep(WAITS_MS[Math.min(tries++, WAITS_MS.length - 1)]), new Promise((done) => { this.wake = done; })]);
        } finally { this.stop = null; }
      }
    }

    tell(state) {
      if (this.state === "paused" && state !== "paused" || this.over) return;
      this.state = state;
      this.told(this);
    }

    pause() { this.tell("paused"); this.stop?.(); this.wake?.(); }
    resume() { this.state = "sending"; this.told(this); this.wake?.(); }
    hurry() { if (this.state === "waiting") this.wake?.(); }

    async giveUp() {
      this.over = true;
      this.stop?.(); this.wake?.(); this.worker?.terminate();
      this.forget();
      if (this.upload) await ask(this.csrf, "DELETE", `/uploads/${this.upload.id}`).catch(() => {}); // else it goes after a day
    }

    remembered() { try { return localStorage.getItem(this.known); } catch { return null; } }
    forget() { try { localStorage.removeItem(this.known); } catch { /* it was never kept */ } }
  }

  const language = document.documentElement.lang;
  function size(bytes) {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let at = 0;
    while (bytes >= 1000 && at < units.length - 1) { bytes /= 1000; at++; }
    return `${bytes.toLocaleString(language, { minimumFractionDigits: at ? 1 : 0, maximumFractionDigits: at ? 1 : 0 })} ${units[at]}`;
  }

  /* A sentence of the catalogue with its places filled. */
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

  return { ask, freshKey, send, size, fill, Sending, Lost, Refused };
})();
