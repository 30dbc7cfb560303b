// The vendor's Node connector of Tuya's OpenAPI, called by method and path.
//
// One JSON request a line comes in, one JSON answer a line goes out:
//
//   {"endpoint", "id", "secret", "version", "call": "request", "given": {"method", "path", "query", "body", "headers"}}
//     -> {"held"} or {"refused"} or {"error"}
//
// `version` is how it signs: "v2", its default, or "v1", of before 2021. `held` is what the connector gave, `refused`
// what it said of a token that it did not get.
"use strict";

const readline = require("node:readline");
const { TuyaContext } = require("@tuya/tuya-connector-nodejs");

const NO_TOKEN = "GET_TOKEN_FAILED";

function connector(asked) {
  return new TuyaContext({
    baseUrl: asked.endpoint,
    accessKey: asked.id,
    secretKey: asked.secret,
    version: asked.version,
  });
}

async function answered(line) {
  const asked = JSON.parse(line);
  try {
    return { held: await connector(asked).request(asked.given) };
  } catch (told) {
    const message = String(told.message);
    return message.startsWith(NO_TOKEN) ? { refused: { message } } : { error: String(told.stack) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answered(line))}\n`);
  }
}

main();
