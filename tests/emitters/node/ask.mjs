// Vercel's AI SDK with its OpenTelemetry integration: `legacy` takes the one of its older names.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { LegacyOpenTelemetry, OpenTelemetry } from "@ai-sdk/otel";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import {
  embed,
  embedMany,
  generateText,
  registerTelemetry,
  stepCountIs,
  streamText,
  tool,
} from "ai";
import { z } from "zod";

const provider = new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
registerTelemetry(process.argv[2] === "legacy" ? new LegacyOpenTelemetry() : new OpenTelemetry());

const url = process.env.MODELS_URL;
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "-" });
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: "-" });
const plain = "How does a quantum computer work?";
const cached = `${plain} This text is cached.`;

async function ask(model, prompt) {
  await generateText({ model, prompt, maxRetries: 0 });
}

async function stream(model, prompt) {
  for await (const _ of streamText({ model, prompt, maxRetries: 0 }).textStream);
}

for (const model of [
  openai("gpt-4o-mini"),
  openai.chat("gpt-4o-mini"),
  anthropic("claude-sonnet-4-5"),
]) {
  for (const prompt of [plain, cached]) {
    await ask(model, prompt);
    await stream(model, prompt);
  }
  await ask(model, "This will fail.").catch(() => {});
}
// Two requests each, with the tool between them.
const agent = {
  model: openai.chat("gpt-4o-mini"),
  prompt: "What is the weather like?",
  tools: { weather: tool({ inputSchema: z.object({}), execute: async () => "sunny" }) },
  stopWhen: stepCountIs(3),
  maxRetries: 0,
};
await generateText(agent);
for await (const _ of streamText(agent).textStream);
const embedder = openai.embedding("text-embedding-3-small");
await embed({ model: embedder, value: plain, maxRetries: 0 });
await embedMany({ model: embedder, values: [plain, cached], maxRetries: 0 });
await provider.shutdown();
