/** The descriptors of all messages and services, for reflection. */
export const descriptorSetFile = new URL('./generated/descriptor-set.binpb', import.meta.url);
