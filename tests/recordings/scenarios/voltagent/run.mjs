// VoltAgent's own spans.

import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Agent, createTool, VoltAgentObservability } from "@voltagent/core";
import { z } from "zod";

const openai = createOpenAI();
const observability = new VoltAgentObservability({
  serviceName: process.env.OTEL_SERVICE_NAME,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: 400 })],
});
const getWeather = createTool({
  name: "get_weather",
  description: "Weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `21 degrees in ${city}`,
});
const agent = (name, model, tools = []) =>
  new Agent({ name, instructions: "Be brief.", model, tools, observability, maxRetries: 0 });

await agent("hello", openai.chat("gpt-4o-mini")).generateText("Capital of France?");
await agent("guide", openai.chat("gpt-4o")).generateText("Capital of Peru? [case=cached]", {
  userId: "user-7",
  conversationId: "conversation-1",
});
await agent("planner", openai("gpt-5-mini")).generateText("Plan a day in Paris.");
await agent("weather", openai.chat("gpt-4.1"), [getWeather]).generateText("Weather in Paris?");
const stream = await agent("chatter", openai.chat("gpt-4.1-mini")).streamText("Capital of Spain?");
for await (const _ of stream.textStream);
await agent("guide", openai.chat("gpt-4o"))
  .generateText("Why? [case=server_error]")
  .catch(() => {});
await observability.flushOnFinish();
await observability.shutdown();
process.exit(0);
