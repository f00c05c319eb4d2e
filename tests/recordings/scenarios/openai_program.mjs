// What a small shop's backend does with the OpenAI SDK for JavaScript. A copy lies beside each script in its environment.

import { context, SpanKind, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

/** A provider that exports as the environment says, set as the global one. */
export function provider() {
  const made = new NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": process.env.OTEL_SERVICE_NAME,
      "deployment.environment.name": "recording",
    }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  made.register();
  return made;
}

/** A server span around a request of a user. */
async function request(route, work) {
  const attributes = { "http.request.method": "POST", "http.route": route, "user.id": "user-7", "session.id": "sess-42" };
  const span = trace.getTracer("shop.web").startSpan(`POST ${route}`, { kind: SpanKind.SERVER, attributes });
  try {
    await context.with(trace.setSpan(context.active(), span), work);
  } finally {
    span.end();
  }
}

const user = (content) => [{ role: "user", content }];

async function drain(stream) {
  for await (const _ of stream);
}

/** Chats, streams, an embedding, and failures. */
export async function run(OpenAI, traces) {
  const client = new OpenAI({ maxRetries: 0 });
  const chat = client.chat.completions;
  await chat.create({ model: "gpt-4o-mini", messages: user("Capital of France?") });
  await request("/ask", () => chat.create({ model: "gpt-4o", messages: user("Capital of Peru? [case=cached]") }));
  await request("/plan", () => chat.create({ model: "gpt-5-mini", messages: user("Plan a day in Paris.") }));
  const streamed = { stream: true, stream_options: { include_usage: true } };
  await request("/chat", async () => {
    await drain(await chat.create({ model: "gpt-4.1-mini", messages: user("Capital of Spain?"), ...streamed }));
  });
  await request("/search", () => client.embeddings.create({ model: "text-embedding-3-small", input: ["red shoes"] }));
  for (const marker of ["rate_limit", "too_long"]) {
    await request("/ask", async () => {
      await chat.create({ model: "gpt-4o", messages: user(`Why? [case=${marker}]`) }).catch(() => {});
    });
  }
  await traces.forceFlush();
  await traces.shutdown();
}
