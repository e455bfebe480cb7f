// OpenAI's own client for Node, pointed at the gateway.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({
  baseURL: `${process.env.GATEWAY_URL}/v1`,
  apiKey: process.env.GATEWAY_KEY,
  maxRetries: 0,
});
const chat = client.chat.completions;
const model = "claude-sonnet-5-5";
const saying = (content) => ({ model, messages: [{ role: "user", content }] });
const hello = saying("Hello");
const parameters = { type: "object", properties: { city: { type: "string" } } };
const weather = { type: "function", function: { name: "weather", parameters } };
const person = zodResponseFormat(z.object({ name: z.string(), age: z.number() }), "person");

async function collected(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

export const scenarios = {
  async whole() {
    return chat.create(hello);
  },

  async stream({ usage }) {
    const stream_options = usage ? { include_usage: true } : undefined;
    return collected(await chat.create({ ...hello, stream: true, stream_options }));
  },

  // The accumulator that adds up a stream, beside the answer in one piece.
  async both({ names }) {
    const answers = {};
    for (const name of names) {
      const stream = chat.stream({ ...saying(name), stream_options: { include_usage: true } });
      const streamed = await stream.finalChatCompletion();
      answers[name] = { streamed, whole: await chat.create(saying(name)) };
    }
    return answers;
  },

  async tools() {
    const done = [];
    const stream = chat.stream({ ...hello, tools: [weather] });
    stream.on("tool_calls.function.arguments.done", (call) => done.push(call));
    return { done, final: await stream.finalChatCompletion() };
  },

  async runTools({ streamed }) {
    const asked = [];
    const look = async (given) => {
      asked.push(given);
      return given.city === "Bern" ? "sun" : "rain";
    };
    const tool = { ...weather.function, function: look, parse: JSON.parse };
    const tools = [{ type: "function", function: tool }];
    const runner = chat.runTools({ ...hello, tools, stream: streamed });
    return { said: await runner.finalContent(), asked };
  },

  async parse() {
    const [choice] = (await chat.parse({ ...hello, response_format: person })).choices;
    const stream = chat.stream({ ...hello, response_format: person });
    const [streamed] = (await stream.finalChatCompletion()).choices;
    return { whole: choice.message.parsed, streamed: streamed.message.parsed };
  },

  async mistake() {
    return chat.create({ model, messages: [] });
  },

  async retried({ times }) {
    const before = performance.now();
    const answer = await chat.create(hello, { maxRetries: times });
    return { said: answer.choices[0].message.content, ms: performance.now() - before };
  },

  async leave() {
    const stream = await chat.create({ ...hello, stream: true });
    for await (const chunk of stream) {
      stream.controller.abort();
      return chunk;
    }
  },

  async models() {
    return (await collected(client.models.list())).map((listed) => listed.id);
  },
};
