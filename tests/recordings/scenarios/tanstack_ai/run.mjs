// TanStack AI's otelMiddleware.

import { trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { chat, toolDefinition } from "@tanstack/ai";
import { otelMiddleware } from "@tanstack/ai/middlewares/otel";
import { openaiChatCompletions, openaiText } from "@tanstack/ai-openai";
import { z } from "zod";

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();
const middleware = [otelMiddleware({ tracer: trace.getTracer("shop.ai", "1.0.0"), captureContent: true })];
const once = { baseURL: process.env.OPENAI_BASE_URL, maxRetries: 0 };
const getWeather = toolDefinition({
  name: "get_weather",
  description: "Weather in a city",
  inputSchema: z.object({ city: z.string() }),
}).server(async ({ city }) => `21 degrees in ${city}`);

const ask = (adapter, content, more) =>
  chat({ adapter, messages: [{ role: "user", content }], middleware, stream: false, ...more });
await ask(openaiChatCompletions("gpt-4o-mini", once), "Capital of France?");
await ask(openaiChatCompletions("gpt-4o", once), "Capital of Peru? [case=cached]");
await ask(openaiText("gpt-5-mini", once), "Plan a day in Paris.");
await ask(openaiChatCompletions("gpt-4.1", once), "Weather in Paris?", { tools: [getWeather] });
for await (const _ of ask(openaiText("gpt-4.1-mini", once), "Capital of Spain?", { stream: true }));
await ask(openaiChatCompletions("gpt-4o", once), "Why? [case=server_error]").catch(() => {});
await provider.shutdown();
