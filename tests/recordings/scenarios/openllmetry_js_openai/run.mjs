// OpenLLMetry for OpenAI's SDK for JavaScript.

import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";

import { provider, run } from "./openai_program.mjs";

const traces = provider();
const instrumentation = new OpenAIInstrumentation();
instrumentation.setTracerProvider(traces);
instrumentation.manuallyInstrument(OpenAI);
await run(OpenAI, traces);
