/** Names of the images, by their target in the Dockerfile. */
export const IMAGE_NAMES: Readonly<Record<string, string>> = {
  alphapo: 'alphapo',
  tokenizer: 'alphapo-tokenizer',
  scorer: 'alphapo-scorer',
  sampler: 'alphapo-sampler',
  optimizer: 'alphapo-optimizer',
  autoscaler: 'alphapo-autoscaler',
  'scorer-cuda': 'alphapo-cuda',
};

/** Targets that the chart runs, which a release has: everything, and scorers on NVIDIA GPUs. */
export const RELEASED_TARGETS = ['alphapo', 'scorer-cuda'] as const;

/** Before the name of an image that has no registry of its own. */
export const DEFAULT_PREFIX = 'docker.io/library/';

/** The reference of a target's image. */
export const imageReference = (target: string, tag: string, prefix: string = DEFAULT_PREFIX): string =>
  `${prefix}${IMAGE_NAMES[target]}:${tag}`;
