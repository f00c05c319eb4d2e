// Mastra's own spans over OpenAI.

import { createOpenAI } from "@ai-sdk/openai";
import { Mastra } from "@mastra/core";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { Observability } from "@mastra/observability";
import { OtelExporter } from "@mastra/otel-exporter";
import { z } from "zod";

const openai = createOpenAI();
const getWeather = createTool({
  id: "get_weather",
  description: "Weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ text: `21 degrees in ${city}` }),
});

const agent = (id, model, tools) => new Agent({ id, name: id, instructions: "Be brief.", model, tools, maxRetries: 0 });
const endpoint = `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
const mastra = new Mastra({
  agents: {
    hello: agent("hello", openai.chat("gpt-4o-mini")),
    guide: agent("guide", openai.chat("gpt-4o")),
    planner: agent("planner", openai("gpt-5-mini")),
    weather: agent("weather", openai.chat("gpt-4.1"), { getWeather }),
    chatter: agent("chatter", openai.chat("gpt-4.1-mini")),
  },
  observability: new Observability({
    configs: {
      otel: {
        serviceName: "mastra",
        exporters: [new OtelExporter({ provider: { custom: { endpoint, protocol: "http/protobuf" } } })],
      },
    },
  }),
});

const ask = (id, question) => mastra.getAgent(id).generate(question, { modelSettings: { maxRetries: 0 } });
await ask("hello", "Capital of France?");
await ask("guide", "Capital of Peru? [case=cached]");
await ask("planner", "Plan a day in Paris.");
await ask("weather", "Weather in Paris?");
const stream = await mastra.getAgent("chatter").stream("Capital of Spain?", { modelSettings: { maxRetries: 0 } });
for await (const _ of stream.textStream);
await ask("guide", "Why? [case=server_error]").catch(() => {});
await mastra.shutdown();
