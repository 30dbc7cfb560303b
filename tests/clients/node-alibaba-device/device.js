// A device, or a gateway with one sub-device, of the vendor's own device SDKs for Node. The SDK logs in and has its
// topics; what it has no methods for, the upgrade, is told by its `publish` and heard by its `message`, as the vendor's
// pages have it. One JSON line says each thing that happened. It ends when its standard input does.
//
// Its only argument is JSON: {"sdk", "url", "product", "id", "secret", "version", "sub"}. `sub` is given to a gateway:
// the sub-device's {"product", "id", "secret"}, whose firmware is then the one that is upgraded.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");
const https = require("node:https");

console.log = console.error; // the SDKs print there what they can't read, such as ids that are numbers
const given = JSON.parse(process.argv[2]);
const sdk = require(given.sdk);
const own = { productKey: given.product, deviceName: given.id, deviceSecret: given.secret, brokerUrl: given.url };
const thing = given.sub ? sdk.gateway(own) : sdk.device(own);
const MD5 = (bytes) => crypto.createHash("md5").update(bytes).digest("hex");
const SHA256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");

function said(what, more = {}) {
  process.stdout.write(`${JSON.stringify({ what, ...more })}\n`);
}

function fault(error) {
  said("fault", { error: String(error.stack ?? error) });
  process.exit(1);
}

// What a method of the SDK's is answered; its callbacks have no errors.
const answer = (call) => new Promise((resolve) => call((told) => resolve(told)));

function fetched(url) {
  return new Promise((resolve, reject) => {
    const get = url.startsWith("https:") ? https.get : http.get;
    get(url, async (got) => {
      const parts = [];
      for await (const part of got) parts.push(part);
      resolve({ status: got.statusCode, image: Buffer.concat(parts) });
    }).on("error", reject);
  });
}

// Takes this device, whose messages go over `link`, from its version to what it is offered.
function upgraded(link, { product, id }) {
  const path = `${product}/${id}`;
  let count = 100;
  const say = (topic, params) =>
    new Promise((resolve, reject) =>
      link.publish(topic, JSON.stringify({ id: String(++count), params }), { qos: 1 }, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  const inform = (version) => say(`/ota/device/inform/${path}`, { version });
  thing.on("message", async (topic, payload) => {
    if (topic !== `/ota/device/upgrade/${path}`) return;
    try {
      const { data } = JSON.parse(payload);
      said("offered", { version: data.version, size: data.size });
      const { status, image } = await fetched(data.url);
      const sound = data.sign === (data.signMethod === "Md5" ? MD5(image) : SHA256(image));
      const { protocol: scheme } = new URL(data.url);
      said("downloaded", { status, size: image.length, digest: SHA256(image), sound, scheme });
      for (const step of ["10", "60", "100"]) await say(`/ota/device/progress/${path}`, { step, desc: "" });
      await inform(data.version);
      said("reported", { version: data.version });
    } catch (error) {
      fault(error);
    }
  });
  link.subscribe(`/ota/device/upgrade/${path}`, { qos: 1 }, async (error) => {
    if (error) return fault(error);
    await inform(given.version);
    said("online", { version: given.version });
  });
}

// What else the SDK's own methods ask for, each with what it is answered.
async function told(link) {
  const codes = {
    properties: await answer((then) => link.postProps({ warmth: 21.5 }, then)),
    event: await answer((then) => link.postEvent("smoke", { density: 3 }, then)),
    labels: await answer((then) => link.postTags([{ attrKey: "hall", attrValue: "7" }], then)),
    "no labels": await answer((then) => link.deleteTags(["hall"], then)),
    configuration: await answer((then) => link.getConfig(then)),
  };
  return Object.fromEntries(Object.entries(codes).map(([name, { code }]) => [name, code]));
}

async function joined() {
  const { product, id, secret } = given.sub;
  const named = { productKey: product, deviceName: id };
  const codes = { add: await answer((then) => thing.addTopo([{ ...named, deviceSecret: secret }], then)) };
  codes.get = await answer((then) => thing.getTopo(then));
  let sub;
  codes.login = await answer((then) => {
    sub = thing.login({ ...named, deviceSecret: secret }, then);
  });
  codes.register = await answer((then) => thing.regiestSubDevice([{ ...named, deviceName: "another" }], then));
  said("joined", Object.fromEntries(Object.entries(codes).map(([name, { code }]) => [name, code])));
  return sub;
}

thing.on("error", fault);
let once = false;
thing.on("connect", async () => {
  if (once) return;
  once = true;
  try {
    said("connected");
    const link = given.sub ? await joined() : thing;
    said("answered", await told(link));
    upgraded(given.sub ? thing : link, given.sub ?? given);
  } catch (error) {
    fault(error);
  }
});
process.stdin.resume().on("end", () => thing.end(false, () => process.exit(0)));
