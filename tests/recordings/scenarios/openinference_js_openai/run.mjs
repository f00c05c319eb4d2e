// OpenInference for OpenAI's SDK for JavaScript.

import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import OpenAI from "openai";

import { provider, run } from "./openai_program.mjs";

const traces = provider();
const instrumentation = new OpenAIInstrumentation({ tracerProvider: traces });
instrumentation.manuallyInstrument(OpenAI);
await run(OpenAI, traces);
