// Anthropic's own client for Node, pointed at the gateway.

import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";

const client = new Anthropic({
  baseURL: process.env.GATEWAY_URL,
  apiKey: process.env.GATEWAY_KEY,
  maxRetries: 0,
});
const model = "claude-sonnet-5-5";
const saying = (content) => ({ model, max_tokens: 9, messages: [{ role: "user", content }] });
const hello = saying("Hello");

export const scenarios = {
  async whole() {
    return client.messages.create(hello);
  },

  // The accumulator that adds up a stream.
  async streams({ names }) {
    const answers = {};
    for (const name of names) {
      answers[name] = await client.messages.stream(saying(name)).finalMessage();
    }
    return answers;
  },

  async stream() {
    const texts = [];
    const inputs = [];
    const stream = client.messages.stream(hello);
    stream.on("text", (text) => texts.push(text));
    stream.on("inputJson", (_, input) => inputs.push(input));
    return { final: await stream.finalMessage(), texts, inputs };
  },

  // A beta, whose helper runs tools until the model has none to call.
  async runTools() {
    const asked = [];
    const weather = betaZodTool({
      name: "weather",
      description: "The weather in a city",
      inputSchema: z.object({ city: z.string() }),
      run: async ({ city }) => {
        asked.push(city);
        return city === "Bern" ? "sun" : "rain";
      },
    });
    const betas = ["one-2026-01-01", "two-2026-02-02"];
    const final = await client.beta.messages.toolRunner({ ...hello, tools: [weather], betas });
    return { final, asked };
  },

  async count() {
    const { max_tokens, ...counted } = hello;
    return client.messages.countTokens(counted);
  },

  async mistake() {
    return client.messages.create({ ...hello, messages: [] });
  },

  async retried({ times }) {
    const before = performance.now();
    const answer = await client.messages.create(hello, { maxRetries: times });
    return { said: answer.content[0].text, ms: performance.now() - before };
  },

  async leave() {
    const stream = await client.messages.create({ ...hello, stream: true });
    for await (const event of stream) {
      stream.controller.abort();
      return event;
    }
  },

  async models() {
    const listed = [];
    for await (const one of client.models.list({ limit: 5 })) listed.push(one);
    return { listed, one: await client.models.retrieve(model) };
  },
};
