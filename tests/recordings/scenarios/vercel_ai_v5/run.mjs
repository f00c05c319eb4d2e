// Vercel AI SDK 5: telemetry is asked for call by call.

import { run } from "./vercel_program.mjs";

await run((functionId) => ({
  experimental_telemetry: { isEnabled: true, functionId, metadata: { userId: "user-7", sessionId: "sess-42" } },
}));
