// A device of mqtt.js, with the login and the messages that its vendor's pages name. It is taken from one version to
// the next; one JSON line says each thing that happened. It ends when its standard input does.
//
// Its only argument is JSON: {"face", "url", "id", "secret", "product", "version", "ca"}. `face` is alibaba, huawei or
// tuyalink, `url` the broker's (mqtt:, mqtts:, ws:, wss:), `ca` the file of the certificates that it trusts.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const mqtt = require("mqtt");

const given = JSON.parse(process.argv[2]);
const ca = given.ca ? fs.readFileSync(given.ca) : undefined;
const HMAC = (key, text) => crypto.createHmac("sha256", key).update(text).digest("hex");
const MD5 = (bytes) => crypto.createHash("md5").update(bytes).digest("hex");
const SHA256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");

function said(what, more = {}) {
  process.stdout.write(`${JSON.stringify({ what, ...more })}\n`);
}

// Each face: `login`, `topics` to subscribe, `report(version)`, `progress(percent)`, `ending(version)` with what a
// success says, `asked(message)` whether it is the question for the version, and `offer(topic, message)`.

const FACES = {
  alibaba() {
    // alibaba 6.1, 6.3 to 6.5
    const { product, id, secret } = given;
    const at = Date.now();
    const path = `${product}/${id}`;
    const content = `clientId${id}deviceName${id}productKey${product}timestamp${at}`;
    const secure = /^(mqtts|wss):/.test(given.url) ? 2 : 3;
    const message = (params) => ({ id: String(++count), params });
    let count = 0;
    return {
      login: {
        clientId: `${id}|securemode=${secure},signmethod=hmacsha256,timestamp=${at}|`,
        username: `${id}&${product}`,
        password: HMAC(secret, content),
      },
      topics: [`/ota/device/upgrade/${path}`],
      report: (version) => [`/ota/device/inform/${path}`, message({ version })],
      progress: (step) => [`/ota/device/progress/${path}`, message({ step: String(step), desc: "" })],
      ending: (version) => [`/ota/device/inform/${path}`, message({ version })],
      asked: () => false,
      offer: (topic, { data }) => ({
        version: data.version,
        url: data.url,
        size: data.size,
        sound: (image) => data.sign === (data.signMethod === "Md5" ? MD5(image) : SHA256(image)),
      }),
    };
  },

  huawei() {
    // huawei 5.1, 5.3 to 5.6
    const { id, secret } = given;
    const at = new Date().toISOString().replace(/[-T]/g, "").slice(0, 10);
    const up = `$oc/devices/${id}/sys/events/up`;
    const event = (type, paras) => ({
      object_device_id: id,
      services: [{ service_id: "$ota", event_type: type, event_time: stamp(), paras }],
    });
    const stamp = () => new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const report = (version) => [up, event("version_report", { fw_version: version, sw_version: version })];
    const told = (progress, more) => [up, event("upgrade_progress_report", { result_code: 0, progress, ...more })];
    return {
      login: { clientId: `${id}_0_1_${at}`, username: id, password: HMAC(at, secret) },
      topics: [`$oc/devices/${id}/sys/events/down`],
      report,
      progress: (percent) => told(percent, { version: given.version, description: "downloading" }),
      ending: (version) => told(100, { version, description: "success" }),
      asked: (message) => message.services[0].event_type === "version_query",
      offer(topic, { services: [{ event_type: type, paras }] }) {
        if (type !== "firmware_upgrade_v2") return undefined;
        const sound = (image) => paras.sign === undefined || paras.sign === SHA256(image);
        return { version: paras.version, url: paras.url, size: paras.file_size, sound };
      },
    };
  },

  tuyalink() {
    // tuya 4.1, 4.4, 4.5
    const { id, secret } = given;
    const tail = `timestamp=${Math.floor(Date.now() / 1000)},secureMode=1,accessType=1`;
    const message = (data) => ({ msgId: crypto.randomUUID().replaceAll("-", ""), time: Date.now(), data });
    const report = (bizType) => (version) => [
      `tylink/${id}/ota/firmware/report`,
      message({ bizType, otaChannel: [{ channel: 0, version }] }),
    ];
    return {
      login: {
        clientId: `tuyalink_${id}`,
        username: `${id}|signMethod=hmacSha256,${tail}`,
        password: HMAC(secret, `deviceId=${id},${tail}`),
      },
      topics: [`tylink/${id}/ota/issue`],
      report: report("INIT"),
      progress: (percent) => [`tylink/${id}/ota/progress/report`, message({ channel: 0, progress: percent })],
      ending: report("UPDATE"),
      asked: () => false,
      offer(topic, { data }) {
        const url = /^(mqtts|wss):/.test(given.url) ? data.httpsUrl : data.url;
        const hmac = (image) => HMAC(secret, SHA256(image).toUpperCase()).toUpperCase();
        return {
          version: data.version,
          url,
          size: Number(data.size),
          sound: (image) => data.md5 === MD5(image) && data.hmac === hmac(image),
        };
      },
    };
  },
};

const face = FACES[given.face]();
const client = mqtt.connect(given.url, { ...face.login, protocolVersion: 4, ca, reconnectPeriod: 0 });

function say([topic, message]) {
  return client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
}

function fetched(url) {
  return new Promise((resolve, reject) => {
    const get = url.startsWith("https:") ? https.get : http.get;
    get(url, { ca }, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      resolve({ status: answer.statusCode, image: Buffer.concat(parts) });
    }).on("error", reject);
  });
}

async function install(offer) {
  const { status, image } = await fetched(offer.url);
  const sound = status === 200 && image.length === offer.size && offer.sound(image);
  said("downloaded", { status, size: image.length, digest: SHA256(image), sound, scheme: new URL(offer.url).protocol });
  if (!sound) throw new Error("the image is not what was offered");
  for (const percent of [10, 60, 100]) await say(face.progress(percent));
  await say(face.ending(offer.version));
  said("reported", { version: offer.version });
}

async function take(topic, payload) {
  const message = JSON.parse(payload);
  if (face.asked(message)) return say(face.report(given.version));
  const offer = face.offer(topic, message);
  if (offer === undefined) return said("other", { topic, message });
  said("offered", { version: offer.version, size: offer.size });
  return install(offer);
}

function fault(error) {
  said("fault", { error: String(error.stack ?? error) });
  process.exit(1);
}

client.on("error", fault);
client.on("message", (topic, payload) => take(topic, payload).catch(fault));
client.on("connect", async () => {
  try {
    await client.subscribeAsync(face.topics, { qos: 1 });
    said("connected");
    await say(face.report(given.version));
    said("online", { version: given.version });
  } catch (error) {
    fault(error);
  }
});
process.stdin.resume().on("end", () => client.end(false, () => process.exit(0)));
