// What both JavaScript scripts of the matrix need: steps that are reported, a box for what streams say, a dropped line.
"use strict";

const env = process.env;
const small = { keyId: env.SMALL_KEY, secret: env.SMALL_SECRET }; // the live account with $467
const large = { keyId: env.LARGE_KEY, secret: env.LARGE_SECRET }; // the paper account with $100,000

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function check(is, what) {
  if (!is) throw new Error(`expected ${what}`);
}

// Report the function as passed, or as failed with its error; the script goes on either way.
async function step(name, play) {
  let error = "";
  try {
    await play();
  } catch (caught) {
    const said = caught.response && caught.response.data ? JSON.stringify(caught.response.data) : "";
    error = `${caught.name} ${caught.message} ${said}`.split("\n")[0].slice(0, 300).trim();
  }
  console.log(JSON.stringify({ step: name, error }));
}

// Ask again every tenth of a second until the answer is true, and return it.
async function until(what, ask, seconds = 20) {
  for (let tries = 0; tries < seconds * 10; tries += 1) {
    const answer = await ask();
    if (answer) return answer;
    await pause(100);
  }
  throw new Error(`${what} did not happen within ${seconds} s`);
}

// What a stream has delivered, in order.
class Inbox {
  items = [];
  put = (item) => { this.items.push(item); };
  clear() { this.items.length = 0; }
  wait(what, isIt = () => true, seconds = 20) {
    return until(what, () => this.items.find(isIt), seconds);
  }
}

// Have the simulator close every stream connection, as a broker's restart would.
async function dropConnections() {
  for (const route of ["/stream", "/v2/iex"]) {
    const body = JSON.stringify({ name: "ws.close", route, times: 1 });
    const answer = await fetch(`${env.CONTROL_URL}/faults`, { method: "POST", body });
    check(answer.ok, `the connections dropped, got ${answer.status}`);
  }
}

module.exports = { small, large, check, step, until, Inbox, dropConnections };
