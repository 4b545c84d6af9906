/** Which weights to compute with: the folder's own, or those with the trainable tensors of a loaded policy. */
export type PolicyChoice = { readonly kind: 'base' } | { readonly kind: 'policy'; readonly digest: string };
