// Vercel AI SDK 7 with @ai-sdk/otel: telemetry is registered once.

import { OpenTelemetry } from "@ai-sdk/otel";
import { registerTelemetry } from "ai";
import { run } from "./vercel_program.mjs";

registerTelemetry(new OpenTelemetry());
await run((functionId) => ({ telemetry: { functionId } }));
