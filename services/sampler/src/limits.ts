/** What one call may ask for, over gRPC as over HTTP. */
export const MAX_PROMPTS = 256;
/** Of each prompt. */
export const MAX_CONTINUATIONS = 128;
export const MAX_STOPS = 16;
/** The most probable tokens beside each token. */
export const MAX_TOP_LOG_PROBS = 20;
