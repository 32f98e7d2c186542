// A server that speaks OpenAI's protocol and answers at once, or after some
// milliseconds, from text that it made beforehand: the client is what is timed.
//   node instant-server.mjs [PORT=0] [MILLISECONDS=0]
// It listens on the loopback address, prints its port, and ends with its input.
// POST: `n` choices of the same words with a counter, so that no two are equal.
// GET /log: the requests so far, the most at once, and the connections.
import http from "node:http";

const [port = "0", milliseconds = "0"] = process.argv.slice(2);
const delay = Number(milliseconds);
const words = " the answer of a model that says twenty words or so to whoever" +
  " asks, and is never out of them";
const log = {requests: 0, active: 0, peak: 0, connections: 0};
let drawn = 0;

function answer(body) {
  const n = Number(/"n":\s*(\d+)/.exec(body)?.[1] ?? 1);
  const choices = Array.from({length: n}, (_, index) =>
    `{"index":${index},"message":{"role":"assistant","content":"` +
    `${++drawn}${words}","refusal":null,"annotations":[]},"logprobs":null,` +
    `"finish_reason":"stop"}`);
  return `{"id":"chatcmpl-${log.requests}","object":"chat.completion",` +
    `"created":1764000000,"model":"instant","choices":[${choices}],` +
    `"usage":{"prompt_tokens":12,"completion_tokens":${20 * n},` +
    `"total_tokens":${12 + 20 * n},"prompt_tokens_details":` +
    `{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},` +
    `"system_fingerprint":"fp_1"}`;
}

const server = http.createServer((request, response) => {
  const send = text => {
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text)
    });
    response.end(text);
  };
  if (request.method === "GET") return send(JSON.stringify(log));
  log.requests += 1;
  log.active += 1;
  log.peak = Math.max(log.peak, log.active);
  const parts = [];
  request.on("data", part => parts.push(part));
  request.on("end", () => {
    const done = () => {
      log.active -= 1;
      send(answer(Buffer.concat(parts).toString()));
    };
    if (delay > 0) setTimeout(done, delay); else done();
  });
});
server.keepAliveTimeout = 60000;
server.on("connection", () => { log.connections += 1; });
server.listen(Number(port), "127.0.0.1", () => {
  console.log(server.address().port);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit());
