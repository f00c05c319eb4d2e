// Genkit's own spans over OpenAI.

import { openAI } from "@genkit-ai/compat-oai/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { genkit, z } from "genkit";
import { enableTelemetry, flushTracing } from "genkit/tracing";

await enableTelemetry({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const ai = genkit({ plugins: [openAI({ maxRetries: 0 })] });
const getWeather = ai.defineTool(
  {
    name: "get_weather",
    description: "Weather in a city",
    inputSchema: z.object({ city: z.string() }),
    outputSchema: z.string(),
  },
  async ({ city }) => `21 degrees in ${city}`,
);
const guide = ai.defineFlow({ name: "guide", inputSchema: z.string() }, async (question) => {
  const { text } = await ai.generate({ model: openAI.model("gpt-4o"), prompt: question });
  return text;
});

await ai.generate({ model: openAI.model("gpt-4o-mini"), prompt: "Capital of France?" });
await guide("Capital of Peru? [case=cached]");
await ai.generate({ model: openAI.model("gpt-5-mini"), prompt: "Plan a day in Paris." });
await ai.generate({ model: openAI.model("gpt-4.1"), prompt: "Weather in Paris?", tools: [getWeather] });
const { stream, response } = ai.generateStream({ model: openAI.model("gpt-4.1-mini"), prompt: "Capital of Spain?" });
for await (const _ of stream);
await response;
await ai.embed({ embedder: openAI.embedder("text-embedding-3-small"), content: "red shoes" });
await ai.generate({ model: openAI.model("gpt-4o"), prompt: "Why? [case=server_error]" }).catch(() => {});
await flushTracing();
