/* The SHA-256 of a file, part by part, beside the page (a worker): no more than a piece of the file is in memory.
   It is our own, because a browser's SubtleCrypto takes a file whole and is there by HTTPS alone, and a WebAssembly one
   would need 'wasm-unsafe-eval' in the pages' policy. FIPS 180-4, 6.2. Told a file and its part size, it answers with the
   digest of each part in turn when that is asked for, with the last one also that of the whole. */
"use strict";

const K = new Int32Array(64), START = new Int32Array(8);
(() => { // the fractions of the roots of the first primes, as the standard makes them
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  let n = 0;
  for (let number = 2; n < 64; number++) {
    let prime = true;
    for (let each = 2; each * each <= number; each++) if (number % each === 0) { prime = false; break; }
    if (!prime) continue;
    if (n < 8) START[n] = fraction(number ** (1 / 2));
    K[n++] = fraction(number ** (1 / 3));
  }
})();

class Sha256 {
  constructor() {
    this.state = START.slice();
    this.words = new Int32Array(64);
    this.rest = new Uint8Array(64);
    this.held = 0;
    this.bytes = 0;
  }

  update(data) {
    this.bytes += data.length;
    let at = 0;
    if (this.held) {
      at = Math.min(64 - this.held, data.length);
      this.rest.set(data.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) return;
      this.block(this.rest, 0);
      this.held = 0;
    }
    for (; at + 64 <= data.length; at += 64) this.block(data, at);
    this.rest.set(data.subarray(at));
    this.held = data.length - at;
  }

  hex() {
    const bytes = this.bytes, end = new Uint8Array(this.held < 56 ? 64 - this.held : 128 - this.held);
    end[0] = 0x80;
    const bits = new DataView(end.buffer, end.length - 8);
    bits.setUint32(0, Math.floor(bytes / 2 ** 29));
    bits.setUint32(4, (bytes << 3) >>> 0);
    this.update(end);
    return [...this.state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  block(data, at) {
    const w = this.words, s = this.state;
    for (let i = 0; i < 16; i++, at += 4) w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
    }
    s[0] = (s[0] + a) | 0; s[1] = (s[1] + b) | 0; s[2] = (s[2] + c) | 0; s[3] = (s[3] + d) | 0;
    s[4] = (s[4] + e) | 0; s[5] = (s[5] + f) | 0; s[6] = (s[6] + g) | 0; s[7] = (s[7] + h) | 0;
  }
}

const PIECE = 1024 * 1024;
const whole = new Sha256();
let file = null, size = 0, number = 0;

async function part() {
  const end = Math.min(++number * size, file.size), digest = new Sha256();
  for (let at = (number - 1) * size; at < end; at += PIECE) {
    const data = new Uint8Array(await file.slice(at, Math.min(at + PIECE, end)).arrayBuffer());
    digest.update(data);
    whole.update(data);
  }
  return { number, sha256: digest.hex(), whole: end === file.size ? whole.hex() : "" };
}

if (typeof postMessage === "function" && typeof document === "undefined") {
  onmessage = async (event) => {
    if (event.data.file) { ({ file, size } = event.data); return; }
    try {
      postMessage(await part());
    } catch (error) { // the file was changed or taken away meanwhile
      postMessage({ number, problem: String(error) });
    }
  };
}
