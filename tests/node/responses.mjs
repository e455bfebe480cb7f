// OpenAI's own client for Node, asking the gateway for responses.

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const { responses } = new OpenAI({
  baseURL: `${process.env.GATEWAY_URL}/v1`,
  apiKey: process.env.GATEWAY_KEY,
  maxRetries: 0,
});
const model = "claude-sonnet-5-5";
const hello = { model, input: "Hello" };
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", name: "weather", parameters, strict: null }];
const person = zodTextFormat(z.object({ name: z.string(), age: z.number() }), "person");

// What the client makes of the answer, in one piece or added up from a stream.
async function answered(request, streamed) {
  return streamed ? responses.stream(request).finalResponse() : responses.create(request);
}

function results(response, outputs) {
  return response.output
    .filter((item) => item.type === "function_call")
    .map(({ call_id, name }) => ({ type: "function_call_output", call_id, output: outputs[name] }));
}

export const scenarios = {
  async answer({ streamed }) {
    return answered(hello, streamed);
  },

  async events() {
    const events = [];
    for await (const event of await responses.create({ ...hello, stream: true })) events.push(event);
    return events;
  },

  // The accumulator that adds up a stream, beside the answer in one piece.
  async both({ names }) {
    const answers = {};
    for (const input of names) {
      const request = { model, input, include: ["reasoning.encrypted_content"] };
      answers[input] = {
        streamed: await answered(request, true),
        whole: await answered(request, false),
      };
    }
    return answers;
  },

  async toolRound({ streamed }) {
    const first = await answered({ ...hello, tools }, streamed);
    const input = results(first, { weather: "sun" });
    const request = { model, tools, input, previous_response_id: first.id };
    return { first, second: await answered(request, streamed) };
  },

  async reasoningRound({ streamed }) {
    const options = { model, tools, store: false, include: ["reasoning.encrypted_content"] };
    const asked = { role: "user", content: "Hello" };
    const first = await answered({ ...options, input: [asked] }, streamed);
    const input = [asked, ...first.output, ...results(first, { weather: "sun" })];
    return { first, second: await answered({ ...options, input }, streamed) };
  },

  async parse() {
    const request = { ...hello, text: { format: person } };
    const whole = await responses.parse(request);
    const streamed = await responses.stream(request).finalResponse();
    return { whole: whole.output_parsed, streamed: streamed.output_parsed };
  },

  async retrieved() {
    const made = await responses.create(hello);
    const streamed = await responses.stream({ response_id: made.id }).finalResponse();
    return { made, whole: await responses.retrieve(made.id), streamed };
  },

  async cancelled() {
    const begun = await responses.create({ ...hello, background: true });
    return { begun, ended: await responses.cancel(begun.id) };
  },
};
