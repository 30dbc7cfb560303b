// The vendor's Node SDKs of Alibaba's management API, called by operation and wire names.
//
// One JSON request a line comes in, one JSON answer a line goes out:
//
//   {"endpoint", "id", "secret", "client", "call", "given"} -> {"held"} or {"refused"} or {"error"}
//   {"call": "operations"}                                   -> {"held": [the SDK's methods, in lower case]}
//
// `client` is "tea" (@alicloud/iot20180120, signed by ACS3 or, as "tea-v2", by HMAC-SHA1) or "pop" (@alicloud/pop-core,
// which has no types and asks by GET, of the API's `version` if one is given). `held` is what the SDK gave. A parameter
// that the SDK's request has not is an error.
"use strict";

const readline = require("node:readline");
const { cast } = require("@alicloud/tea-typescript");
const iot = require("@alicloud/iot20180120");
const { Config } = require("@alicloud/openapi-client");
const { RPCClient } = require("@alicloud/pop-core");

const VERSION = "2018-01-20";
const METHODS = new Map(
  Object.getOwnPropertyNames(iot.default.prototype)
    .filter((name) => typeof iot[requestOf(name)] === "function")
    .map((name) => [name.toLowerCase(), name]),
);

function requestOf(method) {
  return `${method[0].toUpperCase()}${method.slice(1)}Request`;
}

async function tea(asked) {
  const method = METHODS.get(asked.call.toLowerCase());
  if (method === undefined) throw new Error(`the SDK has no ${asked.call}`);
  const config = { accessKeyId: asked.id, accessKeySecret: asked.secret, endpoint: asked.endpoint, protocol: "HTTP" };
  if (asked.client === "tea-v2") config.signatureAlgorithm = "v2";
  const client = new iot.default(new Config(config));
  const request = cast(asked.given, new iot[requestOf(method)]({}));
  const forgotten = Object.keys(asked.given).filter((name) => request.toMap()[name] === undefined);
  if (forgotten.length) throw new Error(`the SDK's ${asked.call} has no ${forgotten}`);
  const response = await client[method](request);
  return response.body.toMap();
}

async function pop(asked) {
  const client = new RPCClient({
    accessKeyId: asked.id,
    accessKeySecret: asked.secret,
    endpoint: `http://${asked.endpoint}`,
    apiVersion: asked.version ?? VERSION,
  });
  return plain(await client.request(asked.call, asked.given));
}

// pop-core keeps a number of more than 15 digits as a BigNumber. One that a JavaScript number holds is told as that.
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if (value._isBigNumber) return value.toFixed() === String(value.toNumber()) ? value.toNumber() : value.toFixed();
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

async function answered(line) {
  const asked = JSON.parse(line);
  if (asked.call === "operations") return { held: [...METHODS.keys()] };
  try {
    return { held: await (asked.client === "pop" ? pop(asked) : tea(asked)) };
  } catch (told) {
    if (told.data === undefined) return { error: String(told.stack) };
    const status = told.data.statusCode ?? told.entry?.response.statusCode;
    return { refused: { status, code: told.code, message: told.message, data: told.data } };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answered(line))}\n`);
  }
}

main();
