// What a small shop's backend does with the Vercel AI SDK: the program that several of its versions are recorded with.
//
// A copy of this file lies beside each script in its environment. Prompts carry the markers that steer the model server.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { SpanKind, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { embed, embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const attributes = Object.fromEntries(
  process.env.OTEL_RESOURCE_ATTRIBUTES.split(",").map((pair) => pair.split("=")),
);
const provider = new NodeTracerProvider({
  resource: defaultResource().merge(
    resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME, ...attributes }),
  ),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: 400 })],
});
provider.register();

const openai = createOpenAI();
const anthropic = createAnthropic({ baseURL: `${process.env.MODEL_URL}/v1` });
const tools = {
  get_weather: tool({
    description: "Weather in a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `21 degrees in ${city}`,
  }),
};

// A server span, as a web framework would open it around a request of a user.
async function request(route, work) {
  const options = { kind: SpanKind.SERVER, attributes: { "http.request.method": "POST", "http.route": route } };
  await trace.getTracer("shop.web", "2.1.0").startActiveSpan(`POST ${route}`, options, async (span) => {
    try {
      await work();
    } finally {
      span.end();
    }
  });
}

async function tolerate(work) {
  try {
    await work();
  } catch (error) {
    console.log("as provoked:", error.name);
    return;
  }
  throw new Error("the error that the scenario provokes did not come");
}

// `telemetry` makes the option that turns telemetry on, whose name differs between versions, from a function id.
export async function run(telemetry) {
  const once = { maxRetries: 0 };
  await generateText({ model: openai.chat("gpt-4o-mini"), prompt: "Capital of France?", ...telemetry("hello"), ...once });
  await request("/ask", () =>
    generateText({ model: openai.chat("gpt-4o"), prompt: "Capital of Peru? [case=cached]", ...telemetry("ask"), ...once }),
  );
  await request("/plan", () =>
    generateText({ model: openai("gpt-5-mini"), prompt: "Plan a day in Paris.", ...telemetry("plan"), ...once }),
  );
  await request("/weather", () =>
    generateText({
      model: openai.chat("gpt-4.1"),
      prompt: "Weather in Paris?",
      tools,
      stopWhen: stepCountIs(3),
      ...telemetry("weather"),
      ...once,
    }),
  );
  await request("/chat", async () => {
    const result = streamText({ model: openai.chat("gpt-4o"), prompt: "Capital of Spain?", ...telemetry("chat"), ...once });
    await result.consumeStream();
  });
  await request("/chat", async () => {
    const result = streamText({
      model: openai("gpt-4.1-mini"),
      prompt: "Capital of Chile? [case=cached]",
      ...telemetry("chat"),
      ...once,
    });
    await result.consumeStream();
  });
  await request("/ask", () =>
    generateText({
      model: anthropic("claude-sonnet-4-5"),
      prompt: "Why? [case=cached]",
      ...telemetry("why"),
      ...once,
    }),
  );
  await request("/chat", async () => {
    const result = streamText({
      model: anthropic("claude-sonnet-4-5"),
      prompt: "How? [case=cache_write_1h]",
      ...telemetry("how"),
      ...once,
    });
    await result.consumeStream();
  });
  const model = openai.embedding("text-embedding-3-small");
  await request("/search", () => embed({ model, value: "red shoes", ...telemetry("search"), ...once }));
  await request("/index", () => embedMany({ model, values: ["red shoes", "blue hat"], ...telemetry("index"), ...once }));
  await request("/ask", () =>
    tolerate(() =>
      generateText({ model: openai.chat("gpt-4o"), prompt: "Where? [case=server_error]", ...telemetry("ask"), ...once }),
    ),
  );
  await request("/ask", () =>
    generateText({ model: openai.chat("gpt-4o"), prompt: "When? [case=flaky]", ...telemetry("ask"), maxRetries: 2 }),
  );
  await provider.shutdown();
}
