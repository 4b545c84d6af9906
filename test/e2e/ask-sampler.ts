import type { Cluster } from './cluster.ts';
import { MODEL_PATH, NAME } from './release.ts';

/** Applications that ask the sampler, in pods that may call the services. */

const PROMPT = 'How do I explain bread to a child?';
const TOKENS = 8;

const OVER_HTTP = `
const asked = { model: '${MODEL_PATH}', prompt: '${PROMPT}', max_tokens: ${TOKENS}, ignore_eos: true };
const options = { method: 'POST', body: JSON.stringify(asked) };
const response = await fetch('http://${NAME}-sampler:8000/v1/completions', options);
if (!response.ok) throw new Error(await response.text());
console.log((await response.json()).usage.completion_tokens);`;

const OVER_GRPC = `
const { openSampler } = await import('@alphapo/client');
using sampler = await openSampler('${NAME}-sampler:50055');
const prompts = [{ prompt: { $case: 'text', value: '${PROMPT}' } }];
const asked = { prompts, policy: { $case: 'latest', value: {} }, maxTokens: ${TOKENS}, ignoreEnd: true };
for await (const { part } of sampler.generate(asked)) {
  if (part?.$case === 'continuation') console.log(part.value.tokens.length);
}`;

/** An answer of the base model over OpenAI's API. Throws where it does not have the tokens that were asked for. */
export const askOverHttp = (cluster: Cluster): Promise<void> => ask(cluster, 'ask-http', OVER_HTTP);

/** An answer of the trained policy over gRPC. Throws as the other does. */
export const askOverGrpc = (cluster: Cluster): Promise<void> => ask(cluster, 'ask-grpc', OVER_GRPC);

async function ask({ kubectl, image, clientLabels }: Cluster, name: string, script: string): Promise<void> {
  const command = ['node', '--input-type=module', '-e', script];
  const said = await kubectl.runPod({ name, image, command, args: [], labels: clientLabels });
  if (said.trim() !== `${TOKENS}`) throw new Error(`NOT SO: ${name} got ${TOKENS} tokens: ${said}`);
}
