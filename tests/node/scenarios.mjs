// Reads scenarios to run from standard input, a line of JSON each, and writes what became of them.

import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const { client, scenario, given } = JSON.parse(line);
  const { scenarios } = await import(`./${client}.mjs`);
  const outcome = await scenarios[scenario](given).then(
    (returned) => ({ returned }),
    (error) => ({ raised: described(error) }),
  );
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

function described(error) {
  const { message, status, code, param, type, requestID } = error;
  return { class: error.constructor.name, message, status, code, param, type, requestID };
}
